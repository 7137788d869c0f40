"""What the classifier makes of a batch of decisions. Imported only after one: it brings in NumPy, and maybe torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kb.classify.learn import Change, what_changed
from kb.classify.predict import Prediction
from kb.config import Config
from kb.pipeline.classify import predict_records
from kb.pipeline.store import Store, open_store
from kb.pipeline.triage_session import Learned
from kb.pipeline.voice import ForeignWeightsError, Voice, open_voice
from kb.records.library import Library
from kb.records.models import Paper

_SHOWN = 5


class ClassifierLearner:
    """Teaches the classifier what the records say, and remembers what it said before.

    Args:
        voice: the classifier; opened when it is needed first.
    """

    def __init__(self, voice: Voice | None = None) -> None:
        self._voice = voice
        self._last: Mapping[str, Prediction] | None = None
        self._mute = False

    def __call__(self, config: Config, before: Mapping[str, Paper], facets: Iterable[str]) -> Learned:
        """Learn from the records as they are now, and compare.

        Args:
            before: the records that were decided about, as they were.
        """
        store = open_store(config)
        if self._mute:
            return Learned()
        if self._voice is None:
            try:
                self._voice = open_voice(config)
            except ForeignWeightsError as error:  # people can decide without it, and are told once
                self._mute = True
                return Learned((str(error),), {})
        old = self._last or predict_records(_with(store, before), self._voice)[0]
        new, taught = predict_records(store, self._voice)
        self._last = new
        changes = [c for c in what_changed(old, new, tuple(facets)) if c.key not in before]
        return Learned((*taught.notices, *_lines(len(before), changes)), new)


def _with(store: Store, papers: Mapping[str, Paper]) -> Store:
    there = {key: paper for key, paper in papers.items() if key in store.library}
    library = Library({**store.library, **there}, store.library.folder, store.library.hashes)
    return replace(store, library=library)


def _lines(decided: int, changes: list[Change]) -> tuple[str, ...]:
    papers = f"{decided} paper" if decided == 1 else f"{decided} papers"
    if not changes:
        return (f"learned from {papers}: every other proposal stays",)
    rest = len(changes) - _SHOWN
    return (
        f"learned from {papers}: {len(changes)} other proposals change; kb classify apply writes them down",
        *(f"  {change}" for change in changes[:_SHOWN]),
        *((f"  and {rest} more",) if rest > 0 else ()),
    )

"""Syncs, people, decisions and kills in any order, on a real knowledge base: what must hold at every moment.

Nothing a person wrote is lost, comments included; a sync with nothing new changes no byte; a cursor is never ahead of
the records; every file can be read; a rejected paper never returns; an undone merge restores the exact bytes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kb.config import Config, Settings
from kb.errors import UpstreamError, UsageError
from kb.pipeline import edit
from kb.pipeline.store import Store, open_store
from kb.pipeline.sync import sync
from kb.pipeline.sync_report import SyncReport
from kb.sources.entry import (
    EntryAuthor,
    Heading,
    Known,
    Progress,
    SourceEntry,
    SourceResult,
    Status,
    no_progress,
)
from tests.pipeline.kbase import TAXONOMY, leftovers, tree

TITLES = {
    "2504.00001": "Thrifty Chains of Thought for Small Models",
    "2504.00002": "Pruned Votes at Test Time",
    "2504.00003": "Latent Students for Vision",
    "2504.00004": "Pruned Votes at Test Times",  # all but the same title
}
NAMES = {
    "2504.00001": "Ada Almeida",
    "2504.00002": "Emeka Eze",
    "2504.00003": "Hana Jensen",
    "2504.00004": "Emeka Eze",
}
SOURCES = ("zotero", "awesome_list:a/list", "awesome_list:b/list")


# Kills


class Killed(BaseException):
    """The process is gone: nothing after it changes a file."""


class _Disk:
    """Ends the running command at the n-th change to a file under `root`. Hears of them as an audit hook."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.left = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.root is None or event not in ("open", "os.rename", "os.remove", "os.mkdir"):
            return
        path, *rest = arguments
        if event == "open" and not (
            isinstance(rest[1], int) and rest[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ):
            return
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(self.root):
            return
        if os.fspath(path).endswith("/lock"):
            return
        self.left -= 1
        if self.left < 0:
            raise Killed

    @contextmanager
    def failing_after(self, root: Path, changes: int) -> Iterator[None]:
        self.root, self.left = str(root), changes
        try:
            yield
        finally:
            self.root = None


DISK = _Disk()
sys.addaudithook(DISK)


# Sources


@dataclass
class Fake:
    """A source that says what changed since the cursor, as Zotero does; or all of it, as a list does."""

    name: str
    complete: bool
    version: int = 1
    entries: dict[str, tuple[int, SourceEntry]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    trouble: Status | None = None

    def put(self, entry: SourceEntry) -> None:
        self.version += 1
        self.entries[entry.entry_id] = (self.version, entry)
        self.gone.pop(entry.entry_id, None)

    def take(self, entry_id: str) -> None:
        self.version += 1
        self.entries.pop(entry_id)
        self.gone[entry_id] = self.version

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        since = known.cursor.get("version", 0)
        if self.trouble is Status.FAILED:
            raise UpstreamError(f"{self.name}: no answer")
        if since == self.version:
            return SourceResult(self.name, Status.EMPTY, creates=True, cursor={"version": self.version})
        fresh = tuple(e for version, e in self.entries.values() if self.complete or version > since)
        if self.trouble is Status.PARTIAL:
            return SourceResult(self.name, Status.PARTIAL, fresh[:1], creates=True)
        return SourceResult(
            self.name,
            Status.OK,
            fresh,
            removed=() if self.complete else tuple(k for k, version in self.gone.items() if version > since),
            complete=self.complete,
            creates=True,
            cursor={"version": self.version},
        )


@dataclass
class FakeArxiv:
    """Knows every paper by its id, and its newest version."""

    name: str = "arxiv"
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TITLES, 1))

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        found = tuple(self.entry(one) for one in known.arxiv_versions if one in TITLES)
        return SourceResult(self.name, Status.OK if found else Status.EMPTY, found)

    def entry(self, arxiv_id: str) -> SourceEntry:
        version = self.versions[arxiv_id]
        return SourceEntry(
            source="arxiv",
            entry_id=arxiv_id,
            title=TITLES[arxiv_id],
            authors=(
                EntryAuthor(name=NAMES[arxiv_id]),
                *(EntryAuthor(name=f"Co Author{n}") for n in range(1, version)),
            ),
            identifiers={"arxiv_id": arxiv_id},
            arxiv_version=version,
            published="2025-04-07",
            publication_state="preprint",
        )


# The machine

ids = st.sampled_from([None, *TITLES])
titles = st.sampled_from(list(TITLES.values()))
people = st.sampled_from([(), ("Ada Almeida",), ("Emeka Eze",), ("Hana Jensen", "Emeka Eze")])
places = st.integers(0, 10**6)


class Survey(RuleBasedStateMachine):
    """What people, sources and kills do to one knowledge base."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="kb-machine-"))
        (self.root / "taxonomy.yaml").write_text(TAXONOMY)
        self.config = Config(root=self.root, settings=Settings())
        self.fakes = {name: Fake(name, complete=name != "zotero") for name in SOURCES}
        self.arxiv = FakeArxiv()
        self.count = 0
        self.written: dict[str, dict[str, str]] = {}  # key -> what a person wrote: field -> text
        self.ever: set[str] = set()
        self.rejected: set[tuple[str, str]] = set()
        self.rejected_keys: set[str] = set()
        self.merges: dict[str, tuple[str, str, str, str, dict[str, str], set[str]]] = {}
        for number, (arxiv_id, title) in enumerate(TITLES.items()):
            link = arxiv_id if number % 2 else None
            self.upstream_says("zotero", number, link, title, (NAMES[arxiv_id],), None, "Shorter")
            self.upstream_says(SOURCES[1 + number % 2], number, arxiv_id, title, (), None, "Smaller")
        self.sync([*SOURCES, "arxiv"])

    def teardown(self) -> None:
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    # What kb has

    def now(self) -> Store:
        return open_store(self.config)

    def sources(self) -> Any:
        return {
            "zotero": lambda config: [self.fakes["zotero"]],
            "arxiv": lambda config: [self.arxiv],
            "lists": lambda config: [self.fakes[name] for name in SOURCES[1:]],
        }

    def keys(self) -> list[str]:
        return sorted(path.stem for path in (self.root / "papers").glob("[a-z]*.yaml"))

    def text(self, key: str) -> str:
        return (self.root / "papers" / f"{key}.yaml").read_text(encoding="utf-8")

    def pick(self, found: list[Any], place: int) -> Any:
        return found[place % len(found)] if found else None

    # What happens upstream

    @rule(
        source=st.sampled_from(SOURCES),
        number=st.integers(0, 4),
        arxiv_id=ids,
        title=titles,
        names=people,
        venue=st.sampled_from([None, "ICML 2025", "ACL 2025"]),
        heading=st.sampled_from([None, "Shorter", "Smaller"]),
    )
    def upstream_says(
        self,
        source: str,
        number: int,
        arxiv_id: str | None,
        title: str,
        names: tuple[str, ...],
        venue: str | None,
        heading: str | None,
    ) -> None:
        """A new entry or another content of an old one; right and wrong links, duplicates."""
        self.fakes[source].put(
            SourceEntry(
                source=source,
                entry_id=f"e{number}",
                title=title,
                authors=tuple(EntryAuthor(name=name) for name in names),
                identifiers={"arxiv_id": arxiv_id} if arxiv_id else {},
                published="2025",
                venue=venue,
                headings=(Heading(path=(heading,)),) if heading else (),
            )
        )

    @rule(place=places, silent=st.booleans(), person=st.booleans())
    def upstream_changes_a_venue(self, place: int, silent: bool, person: bool) -> None:
        """Of an entry that has a record, whose venue a person may have edited, too; the best source decides."""
        rows = sorted(
            (row for row in self.now().rows.values() if row.paper in self.keys()), key=lambda r: r.rank
        )
        row = self.pick([row for row in rows if row.entry.entry_id in self.known(row.entry.source)], place)
        if row is None:
            return
        self.count += 1
        if person:
            self.person_edits_a_field(self.keys().index(row.paper), "venue")
        fake = self.fakes[row.entry.source]
        _, entry = fake.entries[row.entry.entry_id]
        fake.put(entry.model_copy(update={"venue": None if silent else f"Venue {self.count}"}))

    def known(self, source: str) -> dict[str, Any]:
        return self.fakes[source].entries if source in self.fakes else {}

    @rule(source=st.sampled_from(SOURCES), place=places)
    def upstream_removes(self, source: str, place: int) -> None:
        fake = self.fakes[source]
        entry_id = self.pick(sorted(fake.entries), place)
        if entry_id and (not fake.complete or len(fake.entries) > 1):
            fake.take(entry_id)

    @rule(arxiv_id=st.sampled_from(list(TITLES)))
    def arxiv_publishes_a_version(self, arxiv_id: str) -> None:
        self.arxiv.versions[arxiv_id] += 1

    @rule(
        source=st.sampled_from(SOURCES), trouble=st.sampled_from([None, None, Status.FAILED, Status.PARTIAL])
    )
    def upstream_gets_trouble(self, source: str, trouble: Status | None) -> None:
        self.fakes[source].trouble = trouble

    # Syncs

    def sync(self, order: list[str]) -> SyncReport:
        names = [name.removeprefix("awesome_list:") for name in order]
        return sync(self.config, names, allow_removals=True, sources=self.sources())

    @rule(order=st.lists(st.sampled_from([*SOURCES, "arxiv"]), unique=True) | st.just([]))
    def sync_twice(self, order: list[str]) -> None:
        """The second time, nothing is new; a source that fails fails again."""
        self.sync(order)
        before = tree(self.root)
        assert leftovers(self.root) == []
        report = self.sync(order)
        assert {result.source for result in report.results} >= {*order}
        assert tree(self.root) == before
        assert (report.created, report.updated, report.files_changed) == ([], [], 0)

    @rule(order=st.permutations([*SOURCES, "arxiv"]), changes=st.integers(0, 25))
    def sync_is_killed(self, order: list[str], changes: int) -> None:
        with DISK.failing_after(self.root, changes), suppress(Killed):
            self.sync(order)

    @rule(order=st.permutations([*SOURCES, "arxiv"]), changes=st.integers(0, 25))
    def sync_is_killed_and_run_again(self, order: list[str], changes: int) -> None:
        """It ends where an undisturbed run ends."""
        other = self.root.with_name(self.root.name + "-copy")
        shutil.copytree(self.root, other)
        try:
            with DISK.failing_after(self.root, changes), suppress(Killed):
                self.sync(order)
            self.sync(order)
            here, self.config = self.config, Config(root=other, settings=Settings())
            self.sync(order)
            self.config = here
            assert tree(self.root) == tree(other)
        finally:
            shutil.rmtree(other)

    # People with an editor

    @rule(place=places, name=st.sampled_from(["title", "venue"]))
    def person_edits_a_field(self, place: int, name: str) -> None:
        key = self.pick(self.keys(), place)
        if key is None:
            return
        self.count += 1
        value, comment = f"Mine {self.count}", f"# because {self.count}"
        lines = self.text(key).splitlines()
        at = next((n for n, line in enumerate(lines) if line.startswith(f"{name}:")), None)
        if at is None:
            lines.append(f"{name}: {value}  {comment}")
        else:
            end = next((n for n in range(at + 1, len(lines)) if lines[n][:1] not in (" ", "")), len(lines))
            lines[at:end] = [f"{name}: {value}  {comment}"]
        self.write(key, lines)
        self.written.setdefault(key, {})[name] = f"{name}: {value}  {comment}"

    @rule(place=places)
    def person_writes_a_claim(self, place: int) -> None:
        key = self.pick(self.keys(), place)
        if key is None or "claims:" in self.text(key):
            return
        self.count += 1
        claim = [
            f"# claim {self.count}",
            "claims:",
            f"  - id: c{self.count}  # odd spacing",
            f"    statement:   It saves {self.count}.",
        ]
        self.write(key, [*self.text(key).splitlines(), *claim])
        self.written.setdefault(key, {})["claim"] = "\n".join(claim)

    @rule(place=places)
    def person_confirms_labels(self, place: int) -> None:
        key = self.pick(self.keys(), place)
        if key is None or "    state: proposed" not in self.text(key):
            return
        self.write(key, self.text(key).replace("    state: proposed", "    state: confirmed").splitlines())

    def write(self, key: str, lines: list[str]) -> None:
        (self.root / "papers" / f"{key}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    # People with kb

    @contextmanager
    def refusable(self) -> Iterator[None]:
        """A command that may say no, and then changes nothing."""
        before = tree(self.root)
        try:
            yield
        except UsageError:
            refused = True
        else:
            refused = False
        assert not refused or tree(self.root) == before

    def waiting(self, place: int) -> str | None:
        return self.pick([candidate.id for candidate in open_store(self.config).candidates], place)  # type: ignore[no-any-return]

    @rule(place=places)
    def accept(self, place: int) -> None:
        if waiting := self.waiting(place):
            with self.refusable():
                edit.accept(self.config, [waiting])

    @rule(place=places)
    def reject_a_candidate(self, place: int) -> None:
        if waiting := self.waiting(place):
            with self.refusable():
                edit.reject(self.config, waiting, reason="no")

    @rule(place=places)
    def reject_a_record(self, place: int) -> None:
        key = self.pick(self.keys(), place)
        if key is None:
            return
        library = open_store(self.config).library
        others = {
            pair for k, paper in library.items() if k != key for pair in paper.identifiers.by_kind().items()
        }
        edit.reject(self.config, key, reason="no")
        self.rejected |= set(library[key].identifiers.by_kind().items()) - others
        self.rejected_keys.add(key)
        self.written.pop(key, None)

    @rule(place=places, other=places, alike=st.booleans())
    def decide_a_candidate(self, place: int, other: int, alike: bool) -> None:
        waiting, key = self.waiting(place), self.pick(self.keys(), other)
        if waiting and key:
            with self.refusable():
                (edit.same if alike else edit.different)(self.config, waiting, key)

    @rule(place=places, other=places)
    def tell_two_records_apart(self, place: int, other: int) -> None:
        a, b = self.pick(self.keys(), place), self.pick(self.keys(), other)
        if a and b:
            with self.refusable():
                edit.different(self.config, a, b)

    @rule(place=places, other=places)
    def merge_two_records(self, place: int, other: int) -> None:
        a, b = self.pick(self.keys(), place), self.pick(self.keys(), other)
        if a is None or a == b:
            return
        before, gone = self.text(a), self.text(b)
        edit.same(self.config, a, b)
        self.merges[b] = (a, before, self.text(a), gone, self.written.pop(b, {}), self.refs(a))

    def refs(self, key: str) -> set[str]:
        """The entries of a record."""
        return {ref for ref, row in self.now().rows.items() if row.paper == key}

    @rule(place=places)
    def undo_a_merge(self, place: int) -> None:
        gone = self.pick(sorted(self.merges), place)
        if gone is None:
            return
        into, before, after, text, written, refs = self.merges[gone]
        # An entry that a person gave to the survivor since stays with it, and so does what it says: a label, for example,
        # that the merged record brought as well, so that the text does not show it.
        untouched = into in self.keys() and self.text(into) == after and self.refs(into) == refs
        with self.refusable():
            edit.unmerge(self.config, gone)
            del self.merges[gone]
            assert self.text(gone) == text
            assert not untouched or self.text(into) == before
            self.written[gone] = written

    @rule(place=places, theirs=st.booleans())
    def resolve(self, place: int, theirs: bool) -> None:
        conflict = self.pick(list(open_store(self.config).conflicts), place)
        if conflict is None:
            return
        with self.refusable():
            edit.resolve(self.config, conflict.paper, conflict.field, theirs=theirs)
            if theirs:
                self.written.get(conflict.paper, {}).pop(conflict.field, None)

    # What holds at every moment

    @invariant()
    def every_file_can_be_read(self) -> None:
        if hasattr(self, "root"):
            self.now()

    @invariant()
    def nothing_that_a_person_wrote_is_lost(self) -> None:
        for key, fields in getattr(self, "written", {}).items():
            for text in fields.values():
                assert text in self.text(key), (key, text, self.text(key))

    @invariant()
    def records_are_never_deleted_by_a_sync(self) -> None:
        if hasattr(self, "root"):
            here = set(self.keys())
            assert self.ever <= here | self.rejected_keys | set(self.merges)
            self.ever |= here

    @invariant()
    def a_rejected_paper_never_returns(self) -> None:
        for key, paper in self.now().library.items() if hasattr(self, "root") else ():
            assert not self.rejected & set(paper.identifiers.by_kind().items()), key

    @invariant()
    def no_cursor_is_ahead_of_the_records(self) -> None:
        store = self.now() if hasattr(self, "root") else None
        for name, fake in self.fakes.items() if store else ():
            cursor = store.cursors.get(name, {}).get("version", 0)
            for entry_id, (version, entry) in fake.entries.items():
                if version <= cursor:
                    row = store.rows.get(f"{name} {entry_id}")
                    assert row is not None, (name, entry_id)
                    assert (row.entry.title, row.entry.identifiers, row.entry.venue) == (
                        entry.title,
                        entry.identifiers,
                        entry.venue,
                    )
                    assert not row.entry.removed
            for entry_id, version in fake.gone.items():
                row = store.rows.get(f"{name} {entry_id}")
                assert version > cursor or row is None or row.entry.removed


TestSurvey = Survey.TestCase
TestSurvey.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSurvey.pytestmark = [pytest.mark.slow]


def test_a_new_version_of_a_merged_paper_stays_with_it() -> None:
    """A person merged two works with an identifier each: that they differ is no news when an author joins one of them."""
    survey = Survey()
    try:
        survey.begin()
        survey.merge_two_records(other=0, place=1)
        (gone,) = survey.merges
        into, _, _, text, *_ = survey.merges[gone]
        survey.arxiv_publishes_a_version("2504.00001")
        survey.sync(["arxiv"])
        assert survey.now().rows["arxiv 2504.00001"].paper == into
        edit.unmerge(survey.config, gone)
        assert survey.text(gone) == text.replace("arxiv_version: 1", "arxiv_version: 2").replace(
            "  - Ada Almeida\n", "  - Ada Almeida\n  - Co Author1\n"
        )
    finally:
        survey.teardown()

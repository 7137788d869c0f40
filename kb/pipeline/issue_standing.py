"""What the knowledge base has to say of the paper that somebody names: here, merged, waiting, or kept out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from kb.errors import DataError
from kb.ids import identify, is_safe_url
from kb.pipeline.store import Store
from kb.reconcile.decided import Decided
from kb.records.candidates import Candidate
from kb.records.taxonomy import Taxonomy
from kb.sources.entry import SourceEntry
from kb.text import normal_title, one_line

SOURCE = "issue"
_KEY = re.compile(
    r"(?:\S*/)?(?:papers/)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:\.html|\.yaml|\.md|/)?(?:[?#]\S*)?"
)
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?(https?://[^\s()<>]+)>?\s*\)")
# Where code, models, films and posts stand; papers do not.
_NO_PAPERS = re.compile(
    r"(?:^|\.)(?:github\.com|gitlab\.com|bitbucket\.org|huggingface\.co|kaggle\.com|youtube\.com|youtu\.be|twitter\.com|x\.com"
    r"|reddit\.com|zhihu\.com|medium\.com|substack\.com|linkedin\.com|wikipedia\.org)$"
)


@dataclass(frozen=True)
class Standing:
    """Where a paper stands.

    Attributes:
        key: of its record.
        was: the name under which it was asked for, where the record has another one now.
        reason: why a person keeps it out.
        candidate: it waits.
    """

    key: str | None = None
    was: str | None = None
    reason: str | None = None
    candidate: Candidate | None = None


def reference(text: str) -> tuple[dict[str, str], str | None]:
    """The identifiers that `text` gives, or its address where it gives none.

    Raises:
        DataError: it names no paper.
    """
    text = one_line(text)
    if found := _LINK.search(text):
        text = found[1]
    text = text.strip("`<>\"' .,;")
    if ids := identify(text):
        return ids, None
    if not is_safe_url(text):
        fix = "write one arXiv id such as 2504.04823, one DOI, or the address of the paper's page"
        raise DataError(f"{text[:80]!r} is no arXiv id, no DOI and no address", fix=fix)
    host = text.split("/")[2].rpartition("@")[2].partition(":")[0].lower()
    if _NO_PAPERS.search(host):
        raise DataError(
            f"{host} holds no papers", fix="write the paper's arXiv id, its DOI, or the address of its page"
        )
    return {}, text


def named(store: Store, text: str) -> Standing:
    """The paper that `text` names by its key, an address of its page here, or an identifier."""
    text = one_line(text).strip("`<>\"' .,;")
    decided = Decided(store.decisions)
    ids = identify(text)
    if not ids and (found := _KEY.fullmatch(text)):
        key = found[1]
        survivor = decided.survivor(key)
        if survivor in store.library:
            return Standing(survivor, was=key if survivor != key else None)
        rejection = next((each for each in store.decisions.rejected if each.key == key), None)
        if rejection is not None:
            return Standing(reason=rejection.reason)
    return by_identifiers(store, ids)


def by_identifiers(store: Store, ids: Mapping[str, str]) -> Standing:
    """The paper with one of the identifiers `ids`."""

    def shared(others: Mapping[str, str]) -> bool:
        return any(others.get(kind) == value for kind, value in ids.items())

    for key, paper in store.library.items():
        if shared(paper.identifiers.by_kind()):
            return Standing(key)
    for row in store.rows.values():
        if row.paper in store.library and shared(row.entry.identifiers):
            return Standing(row.paper)
    entry = SourceEntry(source=SOURCE, entry_id="?", identifiers=dict(ids))
    if rejection := Decided(store.decisions).rejection(entry):
        return Standing(reason=rejection.reason)
    return Standing(candidate=next((each for each in store.candidates if shared(each.identifiers)), None))


def record_of(store: Store, text: str, *, field: str) -> Standing:
    """The record that `text` names.

    Raises:
        DataError: there is none; says what became of it, or what to do.
    """
    standing = named(store, text)
    if standing.key is not None:
        return standing
    told = repr(one_line(text)[:80])
    if standing.reason is not None:
        raise DataError(
            f"{told} is not in the survey: it was left out ({standing.reason})",
            field=field,
            fix="say in the issue why it should come in",
        )
    if standing.candidate is not None:
        raise DataError(
            f"{told} waits for a decision and is no record yet",
            field=field,
            fix="suggest it with the form for papers",
        )
    near = get_close_matches(text, list(store.library), n=3)
    fix = (
        f"did you mean {', '.join(near)}?"
        if near
        else "its name stands at the end of its page's address; a paper that is not here can be suggested"
    )
    raise DataError(f"there is no paper {told} in the survey", field=field, fix=fix)


def branch_of(taxonomy: Taxonomy, text: str, *, field: str) -> tuple[str, str | None]:
    """The branch that `text` means by id, title or alias, and the old name if it was renamed, moved or merged.

    Raises:
        DataError: it means none, or several.
    """
    text = one_line(text).strip("`'\" .,;/")
    name = text.lower().replace(" ", "-") if "/" in text else text.lower()
    if (now := taxonomy.final_branch(name)) is not None:
        return now, name if now != name else None
    wanted = normal_title(text)
    found = [
        placed.id
        for placed in taxonomy.branches.values()
        if wanted
        in {
            normal_title(word)
            for word in (placed.title, placed.id.rpartition("/")[2], *placed.branch.aliases)
        }
    ]
    if len(found) == 1:
        return found[0], None
    if not found:
        last = name.rpartition("/")[2]
        found = [each for each in taxonomy.branches if each.rpartition("/")[2] == last]
        found = found or get_close_matches(name, list(taxonomy.branches), n=3)
    several = "could be several branches" if len(found) > 1 else "is no branch of the survey"
    fix = f"one of: {', '.join(found or list(taxonomy.branches)[:10])}"
    raise DataError(f"{text[:80]!r} {several}", field=field, fix=fix)

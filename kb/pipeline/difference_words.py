"""`kb diff` in words: sections of lines, for a terminal and for a pull request alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kb.config import SiteSettings
from kb.export.github import Code, Line, Section, to_record
from kb.pipeline.check import Finding
from kb.pipeline.difference import Difference, Gone
from kb.records.models import AssignmentState, Paper

_MOST_PAGES = 20


def headline(found: Difference) -> str:
    """The change in one sentence."""
    if found.unread is not None:
        return "The survey before this change cannot be read, so the change cannot be told."
    flipped = sum(change.flipped for change in found.verdicts)
    rows = [sum(counts[kind] for counts in found.results.values()) for kind in range(3)]
    parts = [
        _counted(len(found.added), "paper added", "papers added"),
        _counted(len(found.changed), "record changed", "records changed"),
        _counted(len(found.gone), "record gone", "records gone"),
        _counted(len(found.labels), "label changed", "labels changed"),
        _counted(flipped, "verdict flips", "verdicts flip"),
        _counted(sum(rows), "result row added, changed or gone", "result rows added, changed or gone"),
        _counted(sum(map(len, found.pages)), "page of the site changes", "pages of the site change"),
        _counted(len(found.found), "new finding of a check", "new findings of checks"),
        _counted(len(found.lost), "address lost", "addresses lost"),
    ]
    said = [part for part in parts if part]
    return f"{', '.join(said)}." if said else "Nothing of the survey changes."


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""


def sections(found: Difference, site: SiteSettings | None = None) -> list[Section]:
    """What changes, the most surprising first.

    Args:
        site: where records that were there before can be read.
    """
    site = site or SiteSettings()
    if found.unread is not None:
        return [Section("Not compared", [(found.unread,)])]
    parts = (
        ("Perhaps here already", list(_neighbours(found, site)), 30),
        ("Addresses that lead nowhere now", [(Code(each),) for each in found.lost], 30),
        ("References that lead nowhere now", [(each,) for each in found.dangling], 30),
        ("New findings of kb check", [_finding(each) for each in found.found], 30),
        ("Papers added", [_added(paper) for paper in found.added], 60),
        ("Records that are gone", [_gone(each) for each in found.gone], 30),
        ("Records changed", list(_changed(found)), 60),
        ("Labels", list(_labels(found)), 40),
        ("Reviews", list(_reviews(found)), 40),
        ("Claims and verdicts", list(_verdicts(found)), 40),
        ("Reported results", list(_results(found)), 40),
        ("Taxonomy", list(_branches(found)), 40),
        ("Pages of the site", list(_pages(found)), _MOST_PAGES + 3),
    )
    return [Section(title, lines, most) for title, lines, most in parts if lines]


def _record(key: str) -> Code:
    return Code(f"papers/{key}.yaml")


def _neighbours(found: Difference, site: SiteSettings) -> Iterator[Line]:
    for each in found.neighbours:
        pair = f"{each.other} {each.key}"
        yield (
            _record(each.key),
            " and ",
            to_record(site, each.other, each.title),
            f": {each.reason}. ",
            Code(f"kb same {pair}"),
            " or ",
            Code(f"kb different {pair}"),
        )


def _finding(finding: Finding) -> Line:
    return (f"{finding.severity.value}: {finding.check}: {finding}",)


def _added(paper: Paper) -> Line:
    states = {
        label.branch: label.state for label in paper.labels if label.state is not AssignmentState.REJECTED
    }
    branches = ", ".join(sorted(states)) or "no branch yet"
    year = f" ({paper.year})" if paper.year else ""
    return f"{paper.title}{year}, ", _record(paper.key), f": {branches}"


def _gone(each: Gone) -> Line:
    if each.into:
        return (
            f"{each.title}, ",
            _record(each.key),
            ": is part of ",
            _record(each.into),
            " now; its address leads there",
        )
    if each.reason:
        return f"{each.title}, ", _record(each.key), f": rejected, {each.reason}"
    how = f"kb reject {each.key} --reason ..."
    return (
        f"{each.title}, ",
        _record(each.key),
        ": deleted, and nobody said why: ",
        Code(how),
        " keeps it out",
    )


def _changed(found: Difference) -> Iterator[Line]:
    for key, fields in found.changed.items():
        yield _record(key), f" {found.titles[key]}: {', '.join(fields)}"


def _labels(found: Difference) -> Iterator[Line]:
    for each in found.labels:
        yield (
            Code(each.paper),
            " ",
            Code(each.branch),
            f": {each.before or 'not named'} → {each.now or 'not named'} (by {each.by})",
        )


def _reviews(found: Difference) -> Iterator[Line]:
    for key, (before, now) in found.reviews.items():
        yield Code(key), f": {before or 'no card'} → {now or 'no card'}"


def _verdicts(found: Difference) -> Iterator[Line]:
    words = zip(found.claims, ("new", "changed", "gone"), strict=True)
    said = [f"{number:,} {word}" for number, word in words if number]
    if said:
        yield (f"claims: {', '.join(said)}",)
    for change in found.verdicts:
        if change.flipped:
            yield Code(change.claim), f": the verdict flips, {change.before} → {change.now}"
    for change in found.verdicts:
        if change.before is None:
            yield Code(change.claim), f": {change.now}, new"


def _results(found: Difference) -> Iterator[Line]:
    for source, (new, changed, gone) in found.results.items():
        counts = ((new, "new"), (changed, "changed"), (gone, "gone"))
        said = ", ".join(f"{number:,} {word}" for number, word in counts if number)
        yield Code(f"results/{source}.csv"), f": {said}"


def _branches(found: Difference) -> Iterator[Line]:
    for branch in found.new_branches:
        yield Code(branch), ": new"
    for branch, into in found.gone_branches.items():
        if into:
            yield Code(branch), ": is ", Code(into), " now; its address leads there"
        else:
            yield Code(branch), ": gone, and leads nowhere (kb taxonomy rename, merge or move keep its links)"


def _pages(found: Difference) -> Iterator[Line]:
    new, changed, gone = found.pages
    if not (new or changed or gone):
        return
    yield (f"{len(new):,} new, {len(changed):,} changed, {len(gone):,} gone",)
    folders = Counter(path.split("/")[0] if "/" in path else "pages at the top" for path in (*new, *changed))
    yield (", ".join(f"{folder} {number:,}" for folder, number in folders.most_common(8)),)
    read = [path for path in (*new, *changed) if path.endswith(".md")]
    for path in read[:_MOST_PAGES]:
        yield (Code(path), " is new" if path in new else " changes")
    if (more := len(read) - _MOST_PAGES) > 0:
        yield (f"and {more:,} more pages",)

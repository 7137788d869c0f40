"""Zotero's item JSON as entries: invented items, and payloads recorded by other projects where they are at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.sources.entry import SourceEntry
from kb.sources.zotero_dates import parse_date
from kb.sources.zotero_items import (
    ItemError,
    collection_paths,
    contradictions,
    item_data,
    parse_item,
    plain,
)
from tests.servers.zotero import item

RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "api" / "zotero_v3"


def paper(kind: str = "preprint", **fields: Any) -> SourceEntry:
    entry = parse_item(
        {"key": "ABCD2345", "version": 1, "meta": {}, "data": item("ABCD2345", kind=kind, **fields)}
    )
    assert entry is not None
    return entry


def test_preprint_of_the_arxiv_translator_is_read_whole() -> None:
    entry = parse_item(
        {
            "key": "ABCD2345",
            "version": 12,
            "meta": {"parsedDate": "2025-05-19"},
            "data": item(
                "ABCD2345",
                "Thinking <i>less</i> in W<sub>4</sub>A<sub>8</sub> &amp; more",
                authors=["Ada Q. Bitwise", "Jo Nibble"],
                date="2025-05-19",
                repository="arXiv",
                archiveID="arXiv:2505.11821",
                DOI="10.48550/arXiv.2505.11821",
                url="http://arxiv.org/abs/2505.11821v2",
                extra="arXiv:2505.11821 [cs]\nCitation Key: bitwise2025",
                abstractNote="One\n two.",
                collections=["LEAF0001", "NOBODY00"],
                tags=["reasoning", {"tag": "Computer Science - Artificial Intelligence", "type": 1}],
            ),
        },
        {"LEAF0001": ("Smaller", "Quantization")},
    )
    assert entry is not None
    assert entry.title == "Thinking less in W4A8 & more"
    assert [author.name for author in entry.authors] == ["Ada Q. Bitwise", "Jo Nibble"]
    assert entry.identifiers == {"arxiv_id": "2505.11821"}
    assert (entry.published, entry.venue, entry.publication_state) == ("2025-05-19", None, "preprint")
    assert entry.url == "http://arxiv.org/abs/2505.11821v2"
    assert entry.abstract == "One two."
    assert [heading.path for heading in entry.headings] == [
        ("Smaller", "Quantization"),
        ("Computer Science - Artificial Intelligence",),
        ("reasoning",),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"archiveID": "arXiv:2505.11821"},
        {"archiveID": "arXiv:arXiv:2505.11821v3"},
        {"archiveID": "2505.11821", "repository": "arXiv"},
        {"extra": "arXiv:2505.11821 [cs]"},
        {"extra": "arXiv: 2505.11821 [cs, math]\nComment: 9 pages"},
        {"extra": "PMID: 7\narXiv ID: 2505.11821"},
        {"extra": "DOI: 10.48550/ARXIV.2505.11821"},
        {"extra": "Number: arXiv:2505.11821"},
        {"extra": "URL: https://arxiv.org/abs/2505.11821"},
        {"url": "https://arxiv.org/pdf/2505.11821v1.pdf"},
        {"url": "https://www.alphaxiv.org/abs/2505.11821"},
        {"url": "https://doi.org/10.48550/arXiv.2505.11821"},
        {"DOI": "10.48550/arXiv.2505.11821"},
        {"DOI": "https://doi.org/10.48550/arxiv.2505.11821"},
        {"reportNumber": "arXiv:2505.11821"},
        {"publicationTitle": "arXiv preprint arXiv:2505.11821"},
        {"publicationTitle": "arXiv:2505.11821 [cs]"},
        {"publicationTitle": "CoRR", "volume": "abs/2505.11821"},
    ],
)
@pytest.mark.parametrize("kind", ["preprint", "journalArticle", "conferencePaper", "report", "document"])
def test_arxiv_id_is_found_wherever_it_hides(kind: str, fields: dict[str, str]) -> None:
    entry = paper(kind, **fields)
    assert entry.identifiers == {"arxiv_id": "2505.11821"}
    assert entry.venue is None
    assert entry.publication_state == "preprint"


@pytest.mark.parametrize(
    "fields",
    [
        {"archiveID": "2505.11821", "repository": "OSF"},
        {"extra": "Comment: extends arXiv:2505.11821"},
        {"extra": "Number: 2505.11821"},
        {"abstractNote": "See arXiv:2505.11821."},
        {"volume": "2505.11821", "publicationTitle": "Journal of Thrift"},
        {"url": "https://example.org/2505.11821"},
    ],
)
def test_number_that_speaks_of_another_paper_is_no_arxiv_id(fields: dict[str, str]) -> None:
    assert paper("journalArticle", title="T", **fields).identifiers == {}


def test_other_identifiers_come_from_their_field_extra_and_url() -> None:
    assert paper("bookSection", extra="DOI: 10.2307/J.ctt46nwk9.16").identifiers == {
        "doi": "10.2307/j.ctt46nwk9.16"
    }
    acl = paper("conferencePaper", DOI="10.18653/v1/2024.acl-long.12")
    assert acl.identifiers == {"doi": "10.18653/v1/2024.acl-long.12", "acl_anthology": "2024.acl-long.12"}
    review = paper("conferencePaper", url="https://openreview.net/forum?id=G8LaO1P0xv")
    assert review.identifiers == {"openreview": "G8LaO1P0xv"}
    both = paper(
        "journalArticle", DOI="10.1000/XYZ", url="https://arxiv.org/abs/2505.11821", publicationTitle="Thrift"
    )
    assert both.identifiers == {"doi": "10.1000/xyz", "arxiv_id": "2505.11821"}
    assert (both.venue, both.publication_state) == ("Thrift", "published")


@pytest.mark.parametrize(
    ("fields", "taken", "other"),
    [
        ({"archiveID": "arXiv:2401.10021", "url": "https://arxiv.org/abs/2401.10022"}, "2401.10021", "2401.10022"),
        ({"DOI": "10.48550/arXiv.2401.10021", "extra": "arXiv: 2401.10022"}, "2401.10021", "2401.10022"),
        ({"DOI": "10.1000/one", "extra": "DOI: 10.1000/two"}, "10.1000/one", "10.1000/two"),
        ({"DOI": "10.1000/one", "url": "https://doi.org/10.1000/two"}, "10.1000/one", "10.1000/two"),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_named_with_both_values(
    fields: dict[str, str], taken: str, other: str
) -> None:
    (line,) = contradictions(item("ABCD2345", "T", **fields))
    assert taken in line
    assert other in line
    assert taken in paper(title="T", **fields).identifiers.values()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"archiveID": "arXiv:2401.10021v2", "url": "http://arxiv.org/abs/2401.10021", "DOI": "10.48550/arXiv.2401.10021"},
        {"DOI": "10.1000/ONE", "url": "https://doi.org/10.1000/one", "extra": "DOI: 10.1000/one"},
        {"DOI": "10.1000/one", "url": "https://arxiv.org/abs/2401.10021"},
    ],
)  # fmt: skip
def test_fields_that_say_one_thing_in_several_ways_contradict_nothing(fields: dict[str, str]) -> None:
    assert list(contradictions(item("ABCD2345", "T", **fields))) == []


def test_only_authors_are_authors_and_a_single_field_name_is_kept_whole() -> None:
    creators = [
        {"creatorType": "editor", "firstName": "Ed", "lastName": "Itor"},
        {"creatorType": "author", "name": "The Thrift  Team"},
        {"creatorType": "author", "firstName": "", "lastName": "Mono"},
        {"creatorType": "author", "firstName": " ", "lastName": ""},
        {"creatorType": "contributor", "name": "Helper"},
    ]
    assert [author.name for author in paper(title="T", creators=creators).authors] == [
        "The Thrift Team",
        "Mono",
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "venue", "state"),
    [
        ("journalArticle", {"publicationTitle": "Journal of Thrift"}, "Journal of Thrift", "published"),
        ("journalArticle", {}, None, None),
        ("journalArticle", {"libraryCatalog": "arXiv.org"}, None, None),
        ("conferencePaper", {"libraryCatalog": "arXiv.org", "DOI": "10.1000/xyz"}, None, None),
        ("bookSection", {"publisher": "arXiv"}, None, None),
        ("conferencePaper", {"archiveID": "arXiv:2505.11821"}, None, "preprint"),
        (
            "conferencePaper",
            {"proceedingsTitle": "Proc. X", "conferenceName": "X 2025"},
            "Proc. X",
            "published",
        ),
        ("conferencePaper", {"conferenceName": "X 2025"}, "X 2025", "published"),
        ("conferencePaper", {"publicationTitle": "The X <b>Conference</b>"}, "The X Conference", "published"),
        ("bookSection", {"bookTitle": "Handbook"}, "Handbook", "published"),
        ("preprint", {"repository": "arXiv"}, None, "preprint"),
        ("preprint", {"repository": "OpenReview"}, "OpenReview", "preprint"),
        ("report", {"institution": "Some Lab"}, "Some Lab", None),
        ("document", {"publisher": "arXiv"}, None, "preprint"),
        ("thesis", {"university": "Some University"}, "Some University", "published"),
    ],
)
def test_venue_and_state_follow_from_type_and_fields(
    kind: str, fields: dict[str, str], venue: str | None, state: str | None
) -> None:
    entry = paper(kind, title="T", **fields)
    assert (entry.venue, entry.publication_state) == (venue, state)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Beyond <think>: less is more", "Beyond <think>: less is more"),
        ("If a<b and c>d", "If a<b and c>d"),
        ('The <span class="nocase">DNA</span> of <sup>2</sup>', "The DNA of 2"),
        ("&lt;think&gt; R&D, AT&T; 5 &#62; 4", "<think> R&D, AT&T; 5 > 4"),
        ("A\r\n\tB\x00C\u2028D", "A B C D"),
        ("half \ud83d a pair", "half a pair"),
        ("$\\alpha$-decay {LLM}", "$\\alpha$-decay {LLM}"),
    ],
)
def test_title_loses_its_markup_and_nothing_else(written: str, shown: str) -> None:
    assert paper(title=written).title == shown


@given(st.text())
def test_plain_text_is_one_printable_line(text: str) -> None:
    shown = plain(text)
    assert shown == " ".join(shown.split())
    assert shown.encode("utf-8").decode() == shown
    assert not re.search(r"[\x00-\x1f\x7f]", shown)


@pytest.mark.parametrize("kind", ["webpage", "blogPost"])
def test_saved_page_is_a_paper_only_with_an_identifier(kind: str) -> None:
    page = item("ABCD2345", "A post", kind, url="https://blog.example/post")
    assert parse_item(page) is None
    assert parse_item(page | {"url": "https://arxiv.org/abs/2505.11821"}) is not None
    assert parse_item(page | {"extra": "DOI: 10.1000/xyz"}) is not None


@pytest.mark.parametrize("kind", ["note", "attachment", "annotation", "film", "computerProgram", "whatever"])
def test_what_is_no_paper_stays_none_whatever_it_holds(kind: str) -> None:
    assert (
        parse_item(item("ABCD2345", "arXiv:2505.11821", kind, url="https://arxiv.org/abs/2505.11821")) is None
    )


def test_item_with_an_identifier_needs_no_title_and_one_with_neither_is_an_error() -> None:
    assert paper(archiveID="arXiv:2505.11821").title is None
    with pytest.raises(ItemError, match="neither a title nor an identifier"):
        paper(title=" <i></i> ")


@pytest.mark.parametrize(
    "bad", [None, 3, [], "x", {"data": None}, {"data": {}}, {"data": {"itemType": "book"}}]
)
def test_anything_that_is_no_item_is_an_error_of_its_own_kind(bad: Any) -> None:
    with pytest.raises(ItemError):
        parse_item(bad)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", 'https://a.example/"onload=', "C:\\x"]
)
def test_link_that_is_no_web_address_is_dropped(url: str) -> None:
    assert paper(title="T", url=url).url is None
    assert paper(url=url, archiveID="arXiv:2505.11821").url == "https://arxiv.org/abs/2505.11821"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_field = st.sampled_from(
    [
        "key",
        "itemType",
        "title",
        "creators",
        "tags",
        "collections",
        "DOI",
        "url",
        "extra",
        "date",
        "archiveID",
        "data",
        "meta",
    ]
)


@given(st.dictionaries(_field, _json))
def test_no_json_makes_the_parser_fail_in_another_way(fields: dict[str, Any]) -> None:
    for given_item in ({"data": item("ABCD2345", "T") | fields, "meta": fields.get("meta")}, fields):
        try:
            entry = parse_item(given_item)
        except ItemError:
            continue
        assert entry is None or entry.title or entry.identifiers


# Collections


def test_collection_paths_run_from_the_top_and_survive_a_circle() -> None:
    def collection(key: str, name: Any, parent: Any = False, **more: Any) -> dict[str, Any]:
        return {"key": key, "data": {"key": key, "name": name, "parentCollection": parent} | more}

    paths = collection_paths(
        [
            collection("C", "Leaf", "B"),
            collection("B", "Middle\n<b>one</b>", "A"),
            collection("A", "Top"),
            collection("X", "Left", "Y"),
            collection("Y", "Right", "X"),
            collection("O", "Orphan", "GONE"),
            collection("N", None),
            collection("T", "Trashed", deleted=True),
            collection("U", "Under it", "T"),
            "nonsense",
        ]
    )
    assert paths == {
        "A": ("Top",), "B": ("Top", "Middle one"), "C": ("Top", "Middle one", "Leaf"), "X": ("Right", "Left"),
        "Y": ("Left", "Right"), "O": ("Orphan",), "U": ("Under it",),
    }  # fmt: skip


# Dates


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2025-04-07", "2025-04-07"), ("2025-4-7", "2025-04-07"), ("2025/04/07", "2025-04-07"), ("2025-04", "2025-04"),
        ("2025", "2025"), ("04/2025", "2025-04"), ("4/2025", "2025-04"), ("April 2025", "2025-04"), ("apr. 2025", "2025-04"),
        ("April 7, 2025", "2025-04-07"), ("7 Apr 2025", "2025-04-07"), ("January 07 , 2011", "2011-01-07"),
        ("7th April 2025", "2025-04-07"), ("2025 Apr 7", "2025-04-07"), ("Sept 2024", "2024-09"), ("7.4.2025", "2025-04-07"),
        ("2025-04-07T12:30:00Z", "2025-04-07"), ("2025-04-07 00:00:00", "2025-04-07"), ("20250407", "2025-04-07"),
        ("2025-04-00 April 2025", "2025-04"), ("2025-00-00 2025", "2025"), ("2025年4月7日", "2025-04-07"),
        ("13/04/2025", "2025-04-13"), ("04/13/2025", "2025-04-13"), ("04/07/2025", "2025"), ("1/1/2025", "2025-01-01"),
        ("Spring 2025", "2025"), ("c2019", "2019"), ("[2019?]", "2019"), ("2019-2020", "2019"), ("2025-02-30", "2025-02"),
        ("2025-13-01", "2025"), ("0000-00-00", None), ("in press", None), ("n.d.", None), ("", None), ("12345", None),
    ],
)  # fmt: skip
def test_date_is_read_as_precisely_as_it_is_known(typed: str, expected: str | None) -> None:
    assert parse_date(typed) == expected


def test_servers_reading_settles_what_the_typed_form_leaves_open() -> None:
    assert parse_date("04/07/2025", "2025-04-07") == "2025-04-07"
    assert parse_date("mars 2025", "2025-03") == "2025-03"
    assert parse_date("April 2025", "2025") == "2025-04"
    assert parse_date("", "2025-04-07") is None
    assert parse_date("nonsense", "nonsense") is None


@given(st.text() | st.from_regex(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}"), st.none() | st.text())
def test_date_is_always_a_real_one_or_none(typed: str, parsed: str | None) -> None:
    found = parse_date(typed, parsed)
    if found is not None:
        assert re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", found, re.ASCII)
        date.fromisoformat((found + "-01-01")[:10])


# Payloads recorded by other projects' tests. Papers counted by hand.

PAPERS = {
    "javaapi_user_collection_key_items.json": ["B4ERDVS4", "BH8JHCNI", "RSWMDDEA"],
    "pyzotero_item_doc.json": ["X42A7DEE"],
    "pyzotero_items_doc.json": [
        "PQKBRC33", "Z8N84QAJ", "B2VNV5Q7", "6XDC27WD", "ICK5M93W", "Z6TE2UMT", "GIFZST3I", "CINTCPTB", "R39UWNFK",
        "85MTWF4F", "3EWF3P9V", "2SS8NXZI", "AGTZDBRQ", "9AIAUW49", "X42A7DEE", "33TK9NH9", "U52JBZ4X",
    ],
    "ios/test_item_attachment.json": [],
    "web-library/annotation-item.json": [],
    "web-library/identifier-search-web-results.json": ["LM4XQKR9", "QW7BNTP2", "RJ6PHNS8"],
    "web-library/search-by-identifier.json": ["UHRGBS8D"],
    "web-library/test-user-add-by-identifier.json": ["UHRGBS8D"],
    "web-library/test-user-add-by-identifier-recognize-2.json": ["9X9T5K4Z"],
    "web-library/test-user-attachment-annotations.json": [],
    "web-library/test-user-get-item-by-key-66LW9WRP-PEZF7SPI.json": ["PEZF7SPI", "66LW9WRP"],
    "web-library/test-user-get-items-golden.json": ["KBFTPTI4", "Z77UB935", "85GHLHB2", "JTZKUB7I"],
    "web-library/test-user-get-items-in-collection-dogs.json": ["VR82JUX8", "66LW9WRP", "PEZF7SPI"],
    "web-library/test-user-pictures-redundant.json": [],
    "web-library/test-user-reader-children.json": [],
    "web-library/test-user-trash-item.json": ["VR82JUX8"],
    "web-library/test-user-update-date-mdy.json": ["VR82JUX8"],
    "web-library/test-user-update-relation-after-copy.json": ["VR82JUX8"],
    "web-library/test-user-add-parent-manual.json": ["AUPETCJW"],
    "web-library/test-user-add-new-item.json": [],  # a blank form: neither title nor identifier
    "web-library/test-group-copy-child-items.json": [],
    "web-library/test-user-add-embedded-image.json": [],
    "web-library/test-user-add-new-attachment-file.json": [],
    "web-library/test-user-create-annotation.json": [],
    "javaapi_testData.json": ["B4ERDVS4", "B4ERDVS4", "BH8JHCNI", "RSWMDDEA"],
    "api-client/item-data.js.txt": ["ABCD2345"],
    "api-client/single-object-get-response.js.txt": ["X42A7DEE"],
}  # fmt: skip


def _payload(path: Path) -> Any:
    return json.loads(path.read_text().strip().removeprefix("export default").rstrip("; \n"))


def _items(value: Any) -> Iterator[dict[str, Any]]:
    """Every item in an answer, however deep: in lists, alone, in what a write reports as successful."""
    data = value.get("data", value) if isinstance(value, dict) else None
    if isinstance(data, dict) and {"itemType", "key"} <= data.keys():
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _items(inner)


def _is_blank(data: dict[str, Any]) -> bool:
    return data.get("title") == "" and data["itemType"] == "journalArticle"


needs_recorded = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded payloads are not beside this checkout"
)


@needs_recorded
@pytest.mark.parametrize("name", sorted(PAPERS))
def test_recorded_payload_gives_exactly_its_papers(name: str) -> None:
    items = [one for one in _items(_payload(RECORDED / name)) if not _is_blank(item_data(one))]
    assert [entry.entry_id for one in items if (entry := parse_item(one))] == PAPERS[name]


@needs_recorded
def test_every_recorded_payload_with_items_is_expected_and_loses_nothing() -> None:
    for path in sorted(RECORDED.rglob("*.json")):
        found = list(_items(_payload(path)))
        assert not found or str(path.relative_to(RECORDED)) in PAPERS, path.name
        for one in found:
            data = item_data(one)
            if _is_blank(data):
                with pytest.raises(ItemError):
                    parse_item(one)
            elif entry := parse_item(one):
                named = [creator for creator in data["creators"] if creator["creatorType"] == "author"]
                assert len(entry.authors) == len(named)
                assert bool(entry.title) == bool(data["title"])
                assert bool(entry.published) == bool(re.search(r"\d{4}", data.get("date", "")))
                assert not data.get("DOI") or entry.identifiers["doi"] == data["DOI"].lower()
                assert {heading.path[0] for heading in entry.headings} == {tag["tag"] for tag in data["tags"]}


def _given(payload: Any) -> Iterator[str]:
    """The papers that kb would take from `payload`, were it the answer with the items."""
    for one in payload if isinstance(payload, list) else [payload]:
        try:
            entry = parse_item(one)
        except ItemError:
            continue
        if entry is not None:
            yield entry.entry_id


@needs_recorded
def test_answers_to_other_questions_are_never_papers() -> None:
    """Keys, searches, groups and collections taken for items; of all of the client's answers two hold a paper."""
    recorded = sorted((RECORDED / "api-client").glob("*.js.txt"))
    given = {path.name: list(_given(_payload(path))) for path in recorded}
    assert {name: keys for name, keys in given.items() if keys} == {
        "item-data.js.txt": ["ABCD2345"],
        "single-object-get-response.js.txt": ["X42A7DEE"],
    }


@needs_recorded
def test_answers_of_the_older_api_are_never_papers() -> None:
    """Version 2 answers in Atom, which is not JSON; its lists of types and fields are JSON, and no items."""
    answers = sorted((RECORDED.parent / "zotero_v2_with_headers").glob("*.http"))
    assert answers
    for path in answers:
        body = path.read_text().replace("\r\n", "\n").partition("\n\n")[2]
        try:
            payload = json.loads(body)
        except ValueError:
            assert body.startswith("<?xml")
            continue
        assert list(_given(payload)) == []


@needs_recorded
def test_recorded_collections_give_their_paths() -> None:
    listed = json.loads((RECORDED / "javaapi_users_collections.json").read_text())
    paths = collection_paths(listed)
    assert len(paths) == len(listed) == 25
    nested = [one for one in listed if one["data"]["parentCollection"] in paths]
    assert all(len(paths[one["key"]]) >= 2 for one in nested)
    assert all(paths[one["key"]][-1] == " ".join(one["data"]["name"].split()) for one in listed)

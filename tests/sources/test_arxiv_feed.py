"""kb.sources.arxiv_feed: a page is whole or rejected, an entry is complete or named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.sources.arxiv_feed import CheckedPage, PageError, Refused, ShortPage, check_page, error_reason

ENTRY = """<entry><id>http://arxiv.org/abs/{id}</id><title>{title}</title><published>{published}</published>
<updated>2025-03-02T00:00:00Z</updated><summary>What was done.</summary>
<author><name>Ada Example</name></author></entry>"""
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"
 xmlns:arxiv="http://arxiv.org/schemas/atom">
<opensearch:totalResults>{total}</opensearch:totalResults><opensearch:startIndex>{start}</opensearch:startIndex>
{entries}</feed>"""
RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "api" / "arxiv_atom"


def entry(id: str = "2503.00001v1", title: str = "A title", published: str = "2025-03-01T00:00:00Z") -> str:
    return ENTRY.format(id=id, title=title, published=published)


def feed(*entries: str, total: object = None, start: object = 0) -> bytes:
    return FEED.format(
        total=len(entries) if total is None else total, start=start, entries="".join(entries)
    ).encode()


def check(body: bytes, start: int = 0, size: int = 10) -> CheckedPage:
    return check_page(body, start=start, size=size)


def test_a_good_page_passes_whole() -> None:
    page = check(feed(entry(), entry("hep-th/9901001v3")))
    assert (page.total, page.given, page.problems) == (2, 2, ())
    assert page.body.count(b"<entry>") == 2


def test_no_results_is_a_page() -> None:
    assert check(feed()).given == 0


def test_a_full_page_of_a_longer_list_passes() -> None:
    assert check(feed(entry(), entry("2503.00002v1"), total=9, start=4), start=4, size=2).total == 9


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"Rate exceeded.",
        b"<html><body>Please sign in</body></html>",
        b"<!DOCTYPE html><html><body>Please sign in</body></html>",
        b'{"entries": []}',
        feed(entry())[:-40],
        feed(entry())[: len(feed(entry())) // 2],
        feed(entry()) + b"<more/>",
        feed(entry(title="caf\xe9")).decode().encode("latin-1"),
        feed(entry()).replace(b"UTF-8", b"UTF-16").decode().encode("utf-16"),
        feed(entry()).replace(b"http://www.w3.org/2005/Atom", b"urn:other"),
        feed(entry(), total=""),
        feed(entry(), total="-1"),
        feed(entry(), total="1e3"),
        feed(entry(), total="1</opensearch:totalResults><opensearch:totalResults>1"),
        feed(entry(), start=""),
        feed(entry(), start=3, total=4),
        feed(entry(), total=0),
        feed(*[entry(f"2503.{n:05}v1") for n in range(11)], total=900),
    ],
)
def test_what_is_no_whole_page_is_rejected(body: bytes) -> None:
    with pytest.raises(PageError):
        check(body)


@pytest.mark.parametrize("given", [0, 1])
def test_fewer_entries_than_promised_make_a_short_page(given: int) -> None:
    with pytest.raises(ShortPage) as caught:
        check(feed(*[entry()] * given, total=5))
    assert caught.value.page.given == given


def test_entries_hidden_in_another_element_do_not_count() -> None:
    with pytest.raises(ShortPage):
        check(feed(f"<wrap>{entry()}</wrap>", total=1))


BOMB = '<!DOCTYPE feed [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("prolog", "title"),
    [
        ("<!DOCTYPE feed>", "A title"),
        ('<!DOCTYPE feed SYSTEM "http://127.0.0.1:1/feed.dtd">', "A title"),
        (BOMB, "&c;"),
        ('<!DOCTYPE feed [<!ENTITY x SYSTEM "file://{secret}">]>', "&x;"),
        ('<!DOCTYPE feed [<!ENTITY % x SYSTEM "file://{secret}"> %x;]>', "A title"),
        ("", "&c;"),
    ],
)
def test_document_types_and_entities_are_rejected_and_read_nothing(
    tmp_path: Path, prolog: str, title: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not to be read")
    body = feed(entry(title=title)).replace(
        b"<feed", prolog.replace("{secret}", str(secret)).encode() + b"<feed", 1
    )
    with pytest.raises(PageError) as caught:
        check(body)
    assert "not to be read" not in str(caught.value)


def test_a_document_type_hidden_by_another_encoding_is_rejected() -> None:
    body = (
        feed(entry()).decode().replace("UTF-8", "UTF-7").replace("<feed", "+ADwAIQ-DOCTYPE feed+AD4-<feed", 1)
    )
    with pytest.raises(PageError):
        check(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        feed(
            "<entry><id>https://arxiv.org/api/errors#bad</id><title>Error</title><summary>bad id</summary></entry>",
            total=1,
        ),
        feed("<entry><id>urn:x</id><title>Error</title><summary>bad id</summary></entry>", total=1),
    ],
)
def test_an_error_entry_is_a_refusal_with_its_reason(body: bytes) -> None:
    with pytest.raises(Refused, match="bad id"):
        check(body)
    assert error_reason(body) == "bad id"


def test_a_paper_called_error_is_a_paper() -> None:
    assert check(feed(entry(title="Error"))).problems == ()


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (entry("2503.00009v1", published="yesterday"), "bad date in published"),
        (entry("2503.00009v1", published="2025-02-30T00:00:00Z"), "bad date"),
        (entry("2503.00009v1", published="2025-03-01"), "bad date"),
        (entry("2503.00009v1", published="2025-03-01T00:00:00"), "bad date"),
        (entry("2503.00009v1", published="0001-01-01T00:00:00Z"), "bad date"),
        (entry("2503.00009v1", published=""), "has no published"),
        (entry("2503.00009v1").replace("<updated>2025-03-02T00:00:00Z</updated>", ""), "has no updated"),
        (entry("2503.00009v1", title="  "), "has no title"),
        (entry("2503.00009v1", title="one <b>two</b>"), "markup inside title"),
        (entry("2503.00009v1", title="a</title><title>b"), "2 elements title"),
        (entry("2503.00009"), "no version"),
        (entry("../../etc/passwd"), "no arXiv id"),
        (entry("2503.00009v1)x"), "no arXiv id"),
        (entry("2503.00009v1").replace("arxiv.org/abs", "evil.example/abs"), "no arXiv id"),
        (entry("2503.00009v1").replace("<author><name>Ada Example</name></author>", ""), "no authors"),
        (entry("2503.00009v1").replace("Ada Example", " "), "author without a name"),
    ],
)
def test_an_entry_with_a_fault_is_taken_out_and_named(bad: str, fault: str) -> None:
    page = check(feed(entry(), bad, entry("2503.00002v1")))
    (problem,) = page.problems
    assert fault in problem.message
    assert problem.where
    assert (page.total, page.given, page.body.count(b"<entry>")) == (3, 3, 2)
    if "2503.00009v1<" in bad and "evil" not in bad:
        assert page.quarantined == {"2503.00009"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_never_become_entries(body: bytes) -> None:
    with pytest.raises((PageError, Refused)):
        check(body)


GOOD = feed(entry(), entry("2503.00002v2"), entry("hep-th/9901001v1"))
_cut = st.tuples(st.integers(0, len(GOOD)), st.integers(0, 60), st.binary(max_size=12) | st.sampled_from(
    [b"<entry>", b"</entry>", b"</feed>", b"<!DOCTYPE x>", b"&x;", b"<id>", b"\0", b"<!--", b"]]>", b"3", b"-"]
))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_cut, min_size=1, max_size=3))
def test_a_damaged_page_never_loses_an_entry_in_silence(cuts: list[tuple[int, int, bytes]]) -> None:
    body = GOOD
    for place, length, put in cuts:
        body = body[:place] + put + body[place + length :]
    try:
        page = check(body)
    except (PageError, Refused):
        return
    assert page.given == page.total == page.body.count(b"<entry") + len(page.problems)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers of arXiv are not here")
@pytest.mark.parametrize(
    ("name", "start", "size", "given", "total"),
    [
        ("id_0000.0000_s0_m100_8b51d9633a68.json", 0, 100, 0, 0),
        ("id_0808.05394_1707.08567_s0_m100_42e5aa0ec3af.json", 0, 100, 1, 1),
        ("id_1605.08386_s0_m100_199195aa31ad.json", 0, 100, 1, 1),
        ("id_astro-ph_0601001_s0_m100_3150dca9dc76.json", 0, 100, 1, 1),
        ("q_testing_s0_m100_cfe7536492ca.json", 0, 100, 100, 214881),
        ("q_testing_s0_m10_bc5a6c384fe9.json", 0, 10, 10, 214881),
        ("q_testing_s0_m15_80c242b59d59.json", 0, 15, 15, 214881),
        ("q_testing_s10_m10_34e56e15aaac.json", 10, 10, 10, 214881),
        ("q_testing_s20_m10_348a237fecab.json", 20, 10, 10, 214881),
        ("q_testing_s30_m10_f2e39f0143dc.json", 30, 10, 10, 214881),
        ("xiv_old_style_2025-10-17.xml", 0, 2, 2, 5619),
    ],
)
def test_recorded_answers_pass_without_a_problem(
    name: str, start: int, size: int, given: int, total: int
) -> None:
    page = check(recorded(name), start=start, size=size)
    assert (page.given, page.total, page.problems) == (given, total, ())


def recorded(name: str) -> bytes:
    """The bytes that arXiv sent; the recorder had read them as Latin-1."""
    text = (RECORDED / name).read_text(encoding="utf-8")
    return json.loads(text)["body"].encode("latin-1") if name.endswith(".json") else text.encode()


OTHER_ANSWERS = [
    *sorted((RECORDED.parent / "arxiv_oai").glob("*.xml")),
    *sorted((RECORDED.parent / "zotero_v2_with_headers").glob("*.http")),
]


@pytest.mark.skipif(not OTHER_ANSWERS, reason="the recorded payloads are not beside this checkout")
def test_recorded_answers_of_other_services_are_never_pages_of_papers() -> None:
    """OAI records and other people's Atom feeds are refused, whether XML, JSON or HTTP as it was recorded."""
    for path in OTHER_ANSWERS:
        recorded = path.read_bytes().replace(b"\r\n", b"\n")
        for answer in {recorded, recorded.partition(b"\n\n")[2]}:
            with pytest.raises(PageError):
                check(answer)

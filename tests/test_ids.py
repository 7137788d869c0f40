"""Identifiers: every shape that sources hold gives one normal form, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.ids import (
    ArxivId,
    identify,
    is_safe_url,
    parse_acl_anthology,
    parse_arxiv_id,
    parse_doi,
    parse_openreview,
    parse_orcid,
    parse_paper_key,
    parse_semantic_scholar,
)

NEW = st.builds(
    lambda yy, mm, n: f"{yy:02}{mm:02}.{n:0{4 if yy < 15 else 5}}",
    st.integers(7, 49),
    st.integers(1, 12),
    st.integers(1, 9999),
)
OLD = st.builds(
    lambda archive, yy, mm, n: f"{archive}/{yy:02}{mm:02}{n:03}",
    st.sampled_from(["hep-th", "math", "cs", "cond-mat", "quant-ph", "astro-ph", "q-alg"]),
    st.sampled_from([*range(91, 100), *range(8)]),
    st.integers(1, 12),
    st.integers(1, 999),
)
BASE = NEW | OLD
VERSION = st.none() | st.integers(1, 30)
# Each shape holds `{}` where the id (with its version, if any) stands.
SHAPES = [
    "{}",
    "  {}\n",
    "arXiv:{}",
    "arxiv: {}",
    "arXiv:{} [cs.CL]",
    "ARXIV:{}",
    "<{}>",
    "[{}]",
    "http://arxiv.org/abs/{}",
    "https://arxiv.org/abs/{}",
    "https://www.arxiv.org/abs/{}",
    "https://export.arxiv.org/abs/{}",
    "https://ar5iv.labs.arxiv.org/html/{}",
    "https://ar5iv.org/abs/{}",
    "https://arxiv.org/pdf/{}",
    "https://arxiv.org/pdf/{}.pdf",
    "https://arxiv.org/pdf/{}.PDF",
    "https://arxiv.org/html/{}",
    "https://arxiv.org/format/{}",
    "https://arxiv.org/e-print/{}",
    "https://arxiv.org/src/{}",
    "https://arxiv.org/abs/{}/",
    "https://arxiv.org/abs/{})",
    "https://arxiv.org/abs/{}).",
    "https://arxiv.org/abs/{}#section.2",
    "https://arxiv.org/abs/{}?context=cs",
    "https://arxiv.org/pdf/{}.pdf#page=3",
    "HTTPS://ARXIV.ORG/abs/{}",
    "arxiv.org/abs/{}",
    "www.arxiv.org/pdf/{}.pdf",
    "https://doi.org/10.48550/arXiv.{}",
    "https://dx.doi.org/10.48550/arxiv.{}",
    "10.48550/arXiv.{}",
    "doi:10.48550/arXiv.{}",
    "DOI: 10.48550/ARXIV.{}",
    "https://alphaxiv.org/abs/{}",
    "https://www.alphaxiv.org/abs/{}",
    "https://www.alphaxiv.org/overview/{}",
    "https://huggingface.co/papers/{}",
]


@given(BASE, VERSION)
def test_an_arxiv_id_reads_back_as_itself(base: str, version: int | None) -> None:
    """str and parse are inverse, with and without a version, in the new and the old form."""
    value = ArxivId(base, version)
    assert parse_arxiv_id(str(value)) == value
    assert parse_arxiv_id(value.url) == ArxivId(base)
    assert 1 <= value.month <= 12
    assert 1991 <= value.year <= 2090


@pytest.mark.parametrize("shape", SHAPES)
@given(base=BASE, version=VERSION)
def test_every_shape_of_an_arxiv_id_gives_the_same_id(shape: str, base: str, version: int | None) -> None:
    """Whatever the address or label around it, base and version come out."""
    if "/" in base and any(host in shape for host in ("alphaxiv", "huggingface", "ar5iv.org")):
        return  # those sites have no papers from before 2007
    value = ArxivId(base, version)
    assert parse_arxiv_id(shape.format(value)) == value


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/abs/math.GT/0309136v2", "math/0309136"),
        ("https://arxiv.org/abs/hep-th%2F9901001", "hep-th/9901001"),
        ("https://arxiv.org/ps/hep-th/9901001.ps.gz", "hep-th/9901001"),
    ],
)
def test_the_old_form_has_one_spelling(text: str, base: str) -> None:
    """A subject class and an escaped slash do not make another paper."""
    found = parse_arxiv_id(text)
    assert found is not None
    assert found.base == base


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "2401",
        "2401.123",
        "2401.123456",
        "2413.12345",  # there is no 13th month
        "2400.12345",
        "0612.1234",  # the new form began in April 2007
        "2401.12345v0",
        "2401.12345x",
        "v2",
        "hep-th/99010011",
        "../2401.12345",
        "https://arxiv.org/abs/",
        "https://arxiv.org/abs/hello",
        "https://arxiv.org/abs/2401.123456",
        "https://arxiv.org/list/cs.CL/recent",
        "https://arxiv.org.example.com/abs/2401.12345",
        "https://notarxiv.org/abs/2401.12345",
        "https://example.com/abs/2401.12345",
        "https://example.com/?u=https://arxiv.org/abs/2401.12345",
        "https://huggingface.co/datasets/2401.12345",
        "https://huggingface.co/org/2401.12345",
        "https://doi.org/10.1145/2401.12345",
        "https://[arxiv.org/abs/2401.12345",
        "http://[::1",
        "٢٤٠١.١٢٣٤٥",  # digits, but not ASCII ones
    ],
)
def test_what_is_no_arxiv_id_gives_none(text: str | None) -> None:
    """Near misses, other hosts and broken URLs are no id, and never an error."""
    assert parse_arxiv_id(text) is None


@given(st.text(max_size=60))
def test_no_text_makes_a_parser_fail(text: str) -> None:
    """What sources hold is not ours: parsers answer None, they do not raise."""
    for candidate in (text, f"https://{text}", f"https://arxiv.org/abs/{text}", f"https://doi.org/{text}"):
        identify(candidate)
        parse_orcid(candidate)
        is_safe_url(candidate)
        found = parse_arxiv_id(candidate)
        assert found is None or parse_arxiv_id(str(found)) == found


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.1145/3666122", "10.1145/3666122"),
        ("doi: 10.1145/3666122.", "10.1145/3666122"),
        ("https://doi.org/10.1145/ABC", "10.1145/abc"),
        ("https://doi.org/10.1145/abc?download=true", "10.1145/abc"),
        ("https://doi.org/10.1145/abc#s1", "10.1145/abc"),
        ("(see https://doi.org/10.1145/abc)", "10.1145/abc"),
        ("https://doi.org/10.1016%2Fj.cell.2020.01.001", "10.1016/j.cell.2020.01.001"),
        ("https://dl.acm.org/doi/abs/10.5555/3666122.3668696", "10.5555/3666122.3668696"),
        ("10.48550/arXiv.2401.12345", None),
        ("10.1/short", None),
        ("11.1145/x", None),
        ("", None),
        (None, None),
    ],
)
def test_a_doi_is_found_bare_labelled_or_in_a_url(text: str | None, doi: str | None) -> None:
    """DOIs come out in lower case, without label, resolver or punctuation; arXiv's own are arXiv ids."""
    assert parse_doi(text) == doi


@given(st.from_regex(r"10\.[0-9]{4,6}/[a-z0-9]+([._-][a-z0-9]+){0,3}", fullmatch=True))
def test_a_doi_reads_back_as_itself(doi: str) -> None:
    """A normal form is its own normal form, and its resolver's address gives it, too."""
    if doi.startswith("10.48550/arxiv."):
        return
    assert parse_doi(doi) == doi
    assert parse_doi(f"https://doi.org/{doi.upper()}") == doi


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://openreview.net/forum?id=G8LaO1P0xv#discussion", "G8LaO1P0xv"),
        ("https://openreview.net/pdf?id=G8LaO1P0xv", "G8LaO1P0xv"),
        ("https://openreview.net/forum?noteId=abc&id=G8LaO1P0xv", "G8LaO1P0xv"),
        ("https://openreview.net/group?id=ICLR.cc/2025/Conference", None),
        ("https://openreview.net/forum?id=G8LaO1P0xv)", "G8LaO1P0xv"),
        ("https://openreview.net/forum", None),
        ("https://example.com/?id=G8LaO1P0xv&from=openreview.net", None),
        ("https://openreview.net.example.com/forum?id=G8LaO1P0xv", None),
        (None, None),
    ],
)
def test_an_openreview_id_is_a_forum_of_openreview(text: str | None, found: str | None) -> None:
    """Forum ids come from openreview.net alone, and venues are no papers."""
    assert parse_openreview(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2024.findings-acl.456", "2024.findings-acl.456"),
        ("https://aclanthology.org/2024.findings-acl.456.pdf", "2024.findings-acl.456"),
        ("https://aclanthology.org/2024.acl-long.510/", "2024.acl-long.510"),
        ("https://aclanthology.org/2024.acl-long.510v2.pdf", "2024.acl-long.510"),
        ("https://www.aclweb.org/anthology/P19-1001.pdf", "P19-1001"),
        ("P19-1001", "P19-1001"),
        ("https://aclanthology.org/events/acl-2024/", None),
        ("https://example.com/2024.acl-long.510/", None),
        ("2024.acl-long", None),
        (None, None),
    ],
)
def test_an_acl_anthology_id_is_found_bare_or_in_a_url(text: str | None, found: str | None) -> None:
    """Old and new forms, with .pdf, a trailing slash or a revision."""
    assert parse_acl_anthology(text) == found


def test_a_semantic_scholar_id_is_forty_hexadecimal_digits() -> None:
    """Found in their URLs or bare; another site's hash, or a longer one, is none."""
    sha = "0123456789abcdef0123456789abcdef01234567"
    assert parse_semantic_scholar(sha.upper()) == sha
    assert parse_semantic_scholar(f"https://www.semanticscholar.org/paper/A-Title/{sha}") == sha
    assert parse_semantic_scholar(f"https://github.com/example/project/commit/{sha}") is None
    assert parse_semantic_scholar(sha + "0") is None
    assert parse_semantic_scholar("no") is None
    assert identify(f"https://www.semanticscholar.org/paper/{sha}") == {"semantic_scholar": sha}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("https://orcid.org/0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),
        ("0000-0002-1825", None),
        (None, None),
    ],
)
def test_an_orcid_has_a_right_check_digit(text: str | None, found: str | None) -> None:
    """One wrong digit, and it is nobody's."""
    assert parse_orcid(text) == found


def test_one_url_may_give_two_identifiers() -> None:
    """The Anthology's DOIs carry its ids; arXiv's carry arXiv's."""
    assert identify("https://doi.org/10.18653/v1/2024.acl-long.510") == {
        "doi": "10.18653/v1/2024.acl-long.510",
        "acl_anthology": "2024.acl-long.510",
    }
    assert identify("https://doi.org/10.18653/v1/P19-1001")["acl_anthology"] == "P19-1001"
    assert identify("https://github.com/example/project") == {}
    assert identify(None) == {}


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "https://example.com/a?b=c#d", "https://example.com:8080/é", "https://[::1]/x"],
)
def test_an_absolute_web_address_is_safe(url: str) -> None:
    """http and https with a host."""
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "https://",
        "https:///x",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://example.com",
        "mailto:a@example.com",
        "https://example.com/a b",
        "https://example.com/\n",
        'https://example.com/"onclick="x',
        "https://example.com/<script>",
        "https://example.com/`x`",
        "https://example.com\\@evil.example",
        "https://[broken",
        "\x01https://example.com",
        "https://example.com/\u202egnp.exe",
        "https://example.com/\u0085",
        "https://example.com/\u2028",
    ],
)
def test_anything_else_is_no_safe_url(url: str) -> None:
    """Scripts, files, spaces, quotes, invisible characters and broken hosts are refused."""
    assert not is_safe_url(url)


@given(st.from_regex(r"[a-z][a-z0-9]{2,20}(-[a-z0-9]{1,8}){0,2}", fullmatch=True))
def test_a_key_is_kept_as_it_is(key: str) -> None:
    """What can be a key comes back unchanged, unless a system reserves the name."""
    try:
        assert parse_paper_key(key) == key
    except DataError:
        assert key in {"con", "prn", "aux", "nul", "index", "readme", "license", "tags"} or key.startswith(
            ("com", "lpt", "search", "assets", "sitemap")
        )


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../liu2025",
        "..\\liu2025",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a.b",
        "a b",
        "a\0b",
        "a\n",
        "Liu2025",
        "LIU2025",
        "łi2025",
        "a\u0301",
        "2025liu",
        "-a",
        "a-",
        "a--b",
        "_sources",
        ".hidden",
        "~root",
        "con",
        "nul",
        "aux",
        "prn",
        "com1",
        "lpt9",
        "index",
        "readme",
        "404",
        "c:x",
        "a" * 81,
        "٣a",
    ],
)
def test_a_hostile_key_is_refused(key: str) -> None:
    """Nothing that leaves the folder, hides, collides in another case, or means something to a system."""
    with pytest.raises(DataError, match="cannot be a key") as caught:
        parse_paper_key(key)
    assert caught.value.fix
    assert len(str(caught.value)) < 400

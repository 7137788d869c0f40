"""The fields of a paper as curated lists print them: titles, dates, venues, names, links.

Each function takes text of unknown quality and gives a value or None; none raises.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from kb.ids import identify, parse_acl_anthology, parse_arxiv_id, parse_doi
from kb.sources.latex import strip_latex
from kb.text import one_line

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
EMOJI = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001faff]|:[a-z][a-z0-9_]+:"
)
_WORD = re.compile(r"[^\W_]+")
_LABELS = frozenset(
    "paper papers pdf arxiv abs link links url here code codes github gitlab repo repository project projects page "
    "homepage website webpage site web blog blogpost post slides slide video talk demo dataset datasets data model "
    "models weights checkpoint checkpoints hf huggingface openreview acl doi html bib bibtex supp supplementary poster "
    "colab docs doc notebook official unofficial implementation download download tutorial twitter x tweet preprint "
    "full text version journal proceedings conference neurips pypi npm the and media news appendix space spaces".split()
)
_PAPER_LABEL = re.compile(
    r"\b(paper|pap[ae]r|pdf|arxiv|abs|preprint|openreview|acl|doi|publication|proceedings|full text)\b", re.I
)
_CODE_LABEL = re.compile(
    r"\b(code|codes|github|gitlab|repo|repository|implementation|toolkit|star|stars)\b", re.I
)
_DATA_LABEL = re.compile(r"\b(data|datasets?|benchmark data)\b", re.I)
_CODE_HOSTS = (
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "gitee.com",
    "anonymous.4open.science",
)
_NOT_PAPER_HOSTS = (
    *_CODE_HOSTS,
    *"x.com twitter.com youtube.com youtu.be zhihu.com weixin.qq.com medium.com linkedin.com reddit.com".split(),
    *"bilibili.com shields.io discord.gg t.me".split(),
)

_VENUES = (
    r"neurips|nips|icml|iclr|acl|emnlp|naacl|eacl|aacl|coling|conll|lrec|tacl|aaai|ijcai|cvpr|iccv|eccv|wacv|mlsys|"
    r"colm|tmlr|jmlr|kdd|www|sigir|isca|micro|asplos|hpca|dac|iccad|date|osdi|sosp|eurosys|usenix|atc|nsdi|ppopp|"
    r"(?:ieee )?t-?pami|tnnls|interspeech|icassp|acm ?mm|cikm|wsdm|compsac|uai|aistats|corl|icra|iros|icaart|cicc|"
    r"enlsp|es-fomo|nature|science|arxiv|preprint|technical report|under review|findings|workshop|in submission|"
    r"blog|ieee|acm|vldb|sigmod|iwslt|wmt|bmvc|miccai|siggraph|ismir|tocs|taco|tcad|isscc|vlsi|fpga|fccm|sc"
)
_VENUE = re.compile(rf"^(?:in |the |on )*(?:{_VENUES})(?![a-z])", re.I)
_ACRONYM_YEAR = re.compile(r"[A-Z]{3,10}[ '-]?(?:19|20)\d\d")
_NO_VENUE = re.compile(
    r"^(?:[-–—/x.\s]*|(?:corr|arxiv\d*|preprint|under review|in submission|technical report|n/?a|tbd|none)\b.*)$",
    re.I,
)
_SHIELD = re.compile(r"img\.shields\.io/(?:badge/|static/v1)([^?#]+)", re.I)
_VENUE_BADGE = re.compile(r"^(conference|publish(?:ed)?|publication|journal|venue|accepted|workshop)$", re.I)

_YEAR = r"(?P<y>(?:19|20)\d\d)"
_YMD = re.compile(
    rf"(?<!\d){_YEAR}\s?[./\-年]\s?(?P<m>1[0-2]|0?[1-9])(?:\s?[./\-月]\s?(?P<d>3[01]|[12]\d|0?[1-9]))?(?!\d)"
)
_DMY = re.compile(rf"(?<!\d)(?P<a>\d{{1,2}})[./-](?P<b>\d{{1,2}})[./-]{_YEAR}(?!\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<m>{'|'.join(_MONTHS)})[a-z]*\.?"
_MY = re.compile(
    rf"\b(?:(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+)?{_MONTH}(?:\s+(?P<e>\d{{1,2}})(?:st|nd|rd|th)?)?[\s,'\-]+{_YEAR}\b",
    re.I,
)
_YEAR_FIRST = re.compile(rf"\b{_YEAR}[\s,\-]+{_MONTH}", re.I)
_ONLY_YEAR = re.compile(rf"(?<![\w.\-]){_YEAR}(?![\w\-])")


def words(text: str) -> list[str]:
    """The words of `text`; a hyphen parts words."""
    return _WORD.findall(text)


def clean_title(text: str) -> str:
    """A title without quotes, emoji, emphasis, LaTeX and the stop that some lists put after it."""
    text = one_line(EMOJI.sub(" ", strip_latex(text)).replace("**", "").replace("\u200b", ""))
    text = re.sub(r"^[\s\-–—:,.;|]+|[\s\-–—:,;|]+$", "", text)
    for opening, closing in ('""', "“”", "''", "‘’", "「」", "《》"):
        if (
            text.startswith(opening)
            and text.endswith(closing)
            and len(text) > 2
            and text[1:-1].count(opening) == 0
        ):
            text = text[1:-1].strip()
    if text.endswith(".") and not re.search(r"\.\.|\b(?:etc|al|vs|Jr|\w)\.$", text):
        text = text[:-1]
    return text.strip()


def reads_as_title(text: str) -> bool:
    """Whether link text is long enough to be a title, and no label or sentence fragment."""
    return len(words(text)) >= 4 and 12 <= len(text) <= 350 and not is_label(text)


def reads_as_bare_title(text: str) -> bool:
    """Whether text with no link at all reads as a title. Strict, for prose has no link either."""
    tokens = words(text)
    if CJK.search(text) or not 14 <= len(text) <= 250 or len(tokens) < 4 or text[-1] in ".:;,":
        return False
    if not (tokens[0][0].isupper() or tokens[0][0].isdigit()) or re.search(
        r"\b(we|our|please|this (?:paper|repo|list|survey))\b", text, re.I
    ):
        return False
    weighty = [word for word in tokens if len(word) > 3]
    share = sum(word[0].isupper() or word[0].isdigit() for word in weighty) / max(1, len(weighty))
    return share >= 0.6 and (len(tokens) >= 5 or ": " in text)


def is_label(text: str) -> bool:
    """Whether link text names the kind of the link ("[Paper]", "Code (PyTorch)") instead of a paper."""
    found = [word.lower() for word in words(text)]
    if not found:
        return True
    if text.startswith(("http://", "https://", "arxiv.org", "www.")):
        return True
    if re.match(r"arxiv[:\s]*\d{4}\.\d", text, re.I):
        return True
    known = [word for word in found if word in _LABELS or word.isdigit()]
    return len(known) == len(found) or (
        found[0] in _LABELS and len(found) <= 3 and text.strip("[]").endswith(")")
    )


def is_paper_label(text: str) -> bool:
    return bool(_PAPER_LABEL.search(text))


def is_code_label(text: str) -> bool:
    return bool(_CODE_LABEL.search(text))


def is_data_label(text: str) -> bool:
    return bool(_DATA_LABEL.search(text))


def host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


def _is_on(url: str, hosts: tuple[str, ...]) -> bool:
    host = host_of(url)
    return any(host == name or host.endswith("." + name) for name in hosts)


def is_code_url(url: str) -> bool:
    """Whether `url` is a repository."""
    if not _is_on(url, _CODE_HOSTS) or url.lower().endswith(".pdf"):
        return False
    return len([part for part in urlsplit(url).path.split("/") if part]) >= 2


def is_data_url(url: str) -> bool:
    return "huggingface.co/datasets/" in url or _is_on(url, ("zenodo.org", "kaggle.com"))


def may_be_paper_url(url: str) -> bool:
    """Whether a paper can be at `url`: repositories, videos and social media are none."""
    if url.lower().endswith(".pdf"):
        return bool(host_of(url))
    return bool(host_of(url)) and not _is_on(url, _NOT_PAPER_HOSTS) and not is_data_url(url)


def identifiers_of(url: str) -> dict[str, str]:
    """What `url` identifies; readers that mirror arXiv or the Anthology count as them."""
    if _is_on(url, _CODE_HOSTS):
        return {}
    if host_of(url) == "papers.cool":
        last = url.rstrip("/").rsplit("/", 1)[-1]
        if arxiv := parse_arxiv_id(last):
            return {"arxiv_id": arxiv.base}
        if acl := parse_acl_anthology(last):
            return {"acl_anthology": acl}
        return {}
    return identify(url)


_SPELT_OUT = re.compile(r"\barxiv\s*:?\s*(\d{4}\.\d{4,5})(?:v\d+)?(?![\d.]*\d)", re.I)


def spelt_identifiers(text: str) -> dict[str, str]:
    """What `text` identifies without a link: "arXiv:2401.00001" anywhere in it, or an arXiv id or a DOI by itself.

    >>> spelt_identifiers("see arXiv:2401.00001v2."), spelt_identifiers("2401.00001"), spelt_identifiers("up 2401.00001")
    ({'arxiv_id': '2401.00001'}, {'arxiv_id': '2401.00001'}, {})
    """
    alone = text.strip(" .,;:*_`()[]")
    if len(alone) <= 100 and " " not in alone:
        if arxiv := parse_arxiv_id(alone):
            return {"arxiv_id": arxiv.base}
        if alone.lower().startswith(("10.", "doi:")) and (doi := parse_doi(alone)):
            return {"doi": doi}
    found = _SPELT_OUT.search(text)
    arxiv = parse_arxiv_id(found[1]) if found else None
    return {"arxiv_id": arxiv.base} if arxiv else {}


def parse_date(text: str, *, dayfirst: bool | None = None, year_alone: bool = True) -> str | None:
    """The first date in `text` as ISO 8601, as precise as it is: "2025", "2025-04" or "2025-04-17".

    `dayfirst` settles 03/04/2025; without it only the year of such a date is used.

    >>> parse_date("arXiv 2025.3.20"), parse_date("17/02/2025"), parse_date("Feb 2025"), parse_date("ICLR'24")
    ('2025-03-20', '2025-02-17', '2025-02', None)
    """
    if found := _DMY.search(text):
        return _numeric(int(found["a"]), int(found["b"]), found["y"], dayfirst)
    if found := _YMD.search(text):
        return _iso(found["y"], int(found["m"]), int(found["d"] or 0))
    if found := _MY.search(text):
        month = _MONTHS.index(found["m"].lower()) + 1
        return _iso(found["y"], month, int(found["d"] or found["e"] or 0))
    if found := _YEAR_FIRST.search(text):
        return _iso(found["y"], _MONTHS.index(found["m"].lower()) + 1, 0)
    found = _ONLY_YEAR.search(text) if year_alone else None
    return found["y"] if found else None


def _numeric(a: int, b: int, year: str, dayfirst: bool | None) -> str:
    if a > 12 or dayfirst:
        a, b = b, a
    elif b <= 12 and a != b and dayfirst is None:
        return year
    return _iso(year, a, b)


def _iso(year: str, month: int, day: int) -> str:
    if not 1 <= month <= 12:
        return year
    longest = 29 if month == 2 else 30 if month in {4, 6, 9, 11} else 31
    return f"{year}-{month:02d}-{day:02d}" if 1 <= day <= longest else f"{year}-{month:02d}"


def slash_order(texts: list[str]) -> bool | None:
    """Whether a list writes days first in dates such as 17/02/2025; None where no date tells."""
    pairs = [(int(m["a"]), int(m["b"])) for text in texts for m in _DMY.finditer(text)]
    days, months = any(a > 12 for a, _ in pairs), any(b > 12 for _, b in pairs)
    return None if days == months else days


def badge_text(src: str) -> tuple[str, str]:
    """(label, message) of a shields.io badge; ("", "") for any other image. https://shields.io/badges/static-badge"""
    found = _SHIELD.search(src)
    if not found:
        return "", ""
    parts = unquote(found.group(1)).replace("--", "\0").split("-")
    parts = [
        part.replace("__", "\1").replace("_", " ").replace("\0", "-").replace("\1", "_").strip()
        for part in parts
    ]
    if len(parts) >= 3:
        return parts[0], "-".join(parts[1:-1])
    return "", parts[0] if parts else ""


def venue_of_badge(src: str, alt: str) -> str | None:
    label, message = badge_text(src)
    if (
        _VENUE_BADGE.match(label)
        or (alt.strip().lower() == "publish" and not label)
        or (not label and is_venue(message))
    ):
        return clean_venue(message)
    return None


def is_venue(text: str) -> bool:
    """Whether `text` is the name of a venue, perhaps with a year, and nothing more."""
    text = text.strip(" []().,*`")
    if _ACRONYM_YEAR.fullmatch(text):
        return True
    return (
        0 < len(text) <= 70
        and bool(_VENUE.match(text))
        and not re.search(r": |\?", text)
        and len(words(text)) <= 9
    )


def clean_venue(text: str) -> str | None:
    """A venue on one line; None for arXiv, "preprint", "/" and the like."""
    text = one_line(EMOJI.sub(" ", text)).strip(" []*`.,;")
    if text.count("(") != text.count(")"):
        text = text.replace("(", "").replace(")", "").strip()
    return None if not text or _NO_VENUE.match(text) or len(text) > 150 else text


_TEAM = re.compile(r"\b(team|group|lab|labs|research|ai|inc|institute|consortium|community)\b\.?$", re.I)
_NAME = re.compile(r"^[^\W\d_][^\d_:;!?<>\[\]{}()/|=+]*$")
_NOT_IN_NAMES = frozenset("the is are not of for with from how what why when does".split())
_REST = re.compile(
    r"(?:,|\band\b|&|\s)*\b(?:et\.?\s*al\.?|etc\.?|and others|among others|\.\.\.|…)[\s.,]*$", re.I
)


def parse_authors(text: str) -> tuple[list[str], bool] | None:
    """(names, whether they are all) from a line of names; None when `text` is not one.

    >>> parse_authors("Ann B. Lee*, Jörg Fu and Bo Li, et al.")
    (['Ann B. Lee', 'Jörg Fu', 'Bo Li'], False)
    >>> parse_authors("Thought Is Latent, Not the Chain of Words") is None
    True
    """
    if is_venue(text.strip(" [(")):
        return None
    text = one_line(re.sub(r"[*†‡§¶∗\\]|\d+(?=,|$)|<[^>]*>", "", text)).strip(" ,;.-–—")
    whole = not _REST.search(text + ".")
    text = _REST.sub("", text + ".").strip(" ,;.") if not whole else text
    pieces = re.split(r"\s*[,;，、]\s*(?:and\s+|&\s*)?|\s+(?:and|&)\s+", text)
    pieces = [
        part for piece in pieces for part in re.split(r"(?<=[a-z]{3})\.\s+(?=[A-Z])", piece) if part.strip()
    ]
    names = [
        piece.strip(" .") if not re.search(r"\b(?:[A-Z]|Jr|Sr)\.$", piece) else piece.strip()
        for piece in pieces
    ]
    if not names or not all(_is_name(name) for name in names):
        return None
    if len(names) == 1 and not (_TEAM.search(names[0]) or _one_name(names[0])):
        return None
    return list(dict.fromkeys(names)), whole


def _is_name(name: str) -> bool:
    parts = name.split()
    if not _NAME.match(name) or not 1 <= len(parts) <= 6 or len(name) > 60 or is_venue(name):
        return False
    if any(
        part.lower() in _NOT_IN_NAMES for part in parts
    ):  # "LLM Reasoning Is Latent, Not the Chain of Thought"
        return False
    if _TEAM.search(name):
        return True
    strong = [part for part in parts if part[0].isupper() or CJK.match(part[0])]
    return bool(strong) and len(parts) - len(strong) <= 3 and parts[-1][0] not in ".-'"


def _one_name(name: str) -> bool:
    """A lone name: "Ann Lee" or "NVIDIA", and not a word that happens to stand alone, such as "Oral"."""
    parts = name.split()
    if len(parts) == 1:
        return name.isupper() and len(name) >= 3
    return (
        len(parts) <= 4
        and all(part[0].isupper() for part in parts)
        and not is_label(name)
        and name.count("-") < 3
    )


def language(text: str) -> str:
    """BCP 47: zh for text with CJK characters, else en."""
    return "zh" if CJK.search(text) else "en"

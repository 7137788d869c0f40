"""Venues: whether one is a journal, and its short name."""

from __future__ import annotations

import re

_EVENT = re.compile(r"(?i)\b(?:conference|proceedings|workshop|symposium|findings|advances in)\b")
_JOURNAL = re.compile(
    r"(?i)\b(?:journal|transactions|trans|letters|magazine|surveys|annals|bulletin|tmlr|jmlr|tacl|t-?pami|"
    r"nature|science)\b"
)
_SHORT = (
    ("NAACL", r"naacl|north american chapter"),
    ("EACL", r"eacl|european chapter of the association for computational"),
    ("AACL", r"aacl|asia-pacific chapter of the association for computational"),
    ("TACL", r"tacl|transactions of the association for computational linguistics"),
    ("EMNLP", r"emnlp|empirical methods in natural language processing"),
    ("COLING", r"coling|international conference on computational linguistics"),
    ("ACL", r"acl|association for computational linguistics"),
    ("NeurIPS", r"neurips|nips|neural information processing systems"),
    ("ICLR", r"iclr|international conference on learning representations"),
    ("ICML", r"icml|international conference on machine learning"),
    ("COLM", r"colm|conference on language modeling"),
    ("AAAI", r"aaai"),
    ("IJCAI", r"ijcai|joint conference on artificial intelligence"),
    ("TMLR", r"tmlr|transactions on machine learning research"),
    ("JMLR", r"jmlr|journal of machine learning research"),
    ("TPAMI", r"t-?pami|transactions on pattern analysis and machine intelligence"),
    ("CVPR", r"cvpr|conference on computer vision and pattern recognition"),
    ("ICCV", r"iccv|international conference on computer vision"),
    ("ECCV", r"eccv|european conference on computer vision"),
    ("ACM MM", r"acm mm|international conference on multimedia"),
)  # fmt: skip
_ACRONYMS = tuple((short, re.compile(rf"(?i)\b(?:{words})\b")) for short, words in _SHORT)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ORDINARY = 24


def is_journal(venue: str) -> bool:
    """Whether `venue` is a journal and not an event with proceedings."""
    return bool(_JOURNAL.search(venue)) and not _EVENT.search(venue)


def short_venue(venue: str) -> str | None:
    """A name that fits a badge: the field's acronym, with "Findings", "Workshop" and the year where `venue` says so.

    None where the venue is long and has no acronym that is known here.

    >>> short_venue("Findings of the Association for Computational Linguistics: ACL 2024")
    'ACL Findings 2024'
    >>> short_venue("International Conference on Learning Representations"), short_venue("Low-Power Computer Vision")
    ('ICLR', None)
    """
    short = next((short for short, words in _ACRONYMS if words.search(venue)), None)
    if short is None:
        return venue if len(venue) < _ORDINARY else None
    kinds = [kind for kind in ("Findings", "Workshop") if re.search(rf"(?i)\b{kind}\b", venue)]
    year = _YEAR.search(venue)
    return " ".join([short, *kinds, *([year.group()] if year else [])])


def venue_series(venue: str) -> str:
    """The name that a venue keeps from year to year: short where `short_venue` knows one.

    >>> venue_series("Findings of ACL 2025"), venue_series("ICLR 2024"), venue_series("2024")
    ('ACL Findings', 'ICLR', '2024')
    """
    short = short_venue(venue) or venue
    return " ".join(_YEAR.sub("", short).split()) or short

"""Dates and addresses of a reference."""

from __future__ import annotations

import pytest

from kb.export.links import best_url, issued, link_name
from tests.export.strange import paper

ARXIV = {"arxiv_id": "2504.04823"}


@pytest.mark.parametrize(
    ("venue", "ids", "published", "date"),
    [
        (None, ARXIV, "2024-12-30", "2024-12-30"),
        ("ICLR 2025", ARXIV, "2024-12-30", "2025"),
        ("TMLR", ARXIV, "2024-12-30", "2024"),
        ("Proceedings of 2024, Volume 2025", ARXIV, "2024-12", "2024"),
        ("ICLR 2025", {}, "2025-04-24", "2025-04-24"),
        ("ICLR 2025", ARXIV, None, ""),
    ],
)
def test_a_preprints_day_is_not_its_venues(
    venue: str | None, ids: dict[str, str], published: str | None, date: str
) -> None:
    """Beside a venue stands the year alone, the venue's own if it names one; everything else keeps its date."""
    dates = {"published": published} if published else {}
    assert issued(paper(identifiers=ids, dates=dates, **({"venue": venue} if venue else {}))) == date


@pytest.mark.parametrize(
    ("ids", "url", "name"),
    [
        ({"arxiv_id": "2504.04823", "doi": "10.1145/3666122"}, "https://arxiv.org/abs/2504.04823", "arXiv"),
        (
            {"acl_anthology": "2024.acl-long.510"},
            "https://aclanthology.org/2024.acl-long.510/",
            "ACL Anthology",
        ),
        ({"openreview": "G8LaO1P0xv"}, "https://openreview.net/forum?id=G8LaO1P0xv", "OpenReview"),
        ({"doi": "10.1145/3666122"}, "https://doi.org/10.1145/3666122", "DOI"),
        ({"url": "https://example.org/x"}, "https://example.org/x", "Paper"),
        ({}, "", "Paper"),
    ],
)
def test_the_address_that_everybody_can_open_comes_first(ids: dict[str, str], url: str, name: str) -> None:
    """Open places before a publisher's page."""
    made = paper(identifiers=ids)
    assert (best_url(made), link_name(made)) == (url, name)

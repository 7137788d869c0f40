"""BibTeX. Any title comes back unchanged from a BibTeX parser once LaTeX has read it.

Made for classic styles with pdfLaTeX. What such a style does to an entry is provided for: it lower-cases titles (words
that must keep their capitals stand in braces), takes names apart (teams stand in braces), prints the month from a macro,
and ignores `eprint` (so a preprint says `howpublished` as well).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kb.export.latex import escape_latex, escaper
from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import Name, split_name
from kb.export.venues import is_journal
from kb.records.models import Author, Paper

__all__ = ["escape_latex", "render_bibtex"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AROUND = "()[]{}\"'“”‘’.,:;?!"
_SENTENCE_END = re.compile(r"[?!]$|(?<!\bvs)(?<!\b\w)\.$")
_PROPER = frozenset(
    "Bayes Bayesian Bernoulli Boltzmann Carlo Cartesian Chinese Dirichlet English Euclidean European Fisher Fourier "
    "Gaussian Gemini Gibbs Hadamard Hamiltonian Hessian Huffman Jacobi Jacobian Jensen Kalman Kolmogorov Lagrangian "
    "Laplace Lean Lipschitz Llama Mamba Markov Mistral Monte Nash Newton Pareto Poisson Python Qwen Riemannian Shannon "
    "Socratic Taylor Thompson Turing Wasserstein".split()
)


def render_bibtex(papers: Sequence[Paper]) -> str:
    """One entry for each of `papers`, in their order, a blank line between two."""
    return "\n".join(_entry(paper) for paper in papers)


def _entry(paper: Paper) -> str:
    ids = paper.identifiers
    kind, venue = "misc", {}
    if paper.venue:
        name = escape_latex(paper.venue, ascii_math=True)
        # Pandoc, for one, lower-cases the title of a book; a venue's is its name.
        journal = is_journal(paper.venue)
        kind = "article" if journal else "inproceedings"
        venue = {"journal": name} if journal else {"booktitle": f"{{{name}}}"}
    elif ids.arxiv_id:
        venue = {"howpublished": f"arXiv preprint arXiv:{ids.arxiv_id}"}
    published = issued(paper)
    return render_entry(
        kind,
        paper.key,
        {
            "title": protected_title(paper.title, ascii_math=True),
            "author": authors(paper.authors, ascii_math=True),
        }
        | venue
        | {
            "year": published[:4],
            "month": _MONTHS[int(published[5:7]) - 1] if len(published) >= 7 else "",
            "doi": verbatim(ids.doi or ""),
            "eprint": ids.arxiv_id or "",
            "archiveprefix": "arXiv" if ids.arxiv_id else "",
            "url": verbatim(best_url(paper)),
            "note": escape_latex(withdrawn_note(paper), ascii_math=True),
        },
    )


def render_entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    """An entry with those of `fields` that are not empty. The value of `month` is a macro and gets no braces."""
    rows = [
        f"  {name:<13} = {value}" if name == "month" else f"  {name:<13} = {{{value}}}"
        for name, value in fields.items()
        if value
    ]
    return f"@{kind}{{{key},\n" + ",\n".join(rows) + "\n}\n"


# Titles


def protected_title(title: str, *, ascii_math: bool = False) -> str:
    """The title, with what a style must not lower-case in braces."""
    escape = escaper(title, ascii_math=ascii_math)
    words = title.split(" ")
    lower = sum(word[:1].islower() for word in words[1:])
    upper = sum(word[:1].isupper() for word in words[1:])
    sentence = lower > upper  # "Quantizing networks with Hessian spectra": a capital means something here
    made = []
    for number, word in enumerate(words):
        core = word.strip(_AROUND)
        start = word.index(core)
        inside = escape(core)
        kept = _keeps_capitals(
            core,
            previous=words[number - 1] if number else None,
            sentence=sentence,
            # "Self-Check: ...", one word before a colon, is what the paper calls its method.
            named=number == 0 and word.endswith(":"),
        )
        if (kept or "\\ensuremath" in inside) and not re.search("[{}]", core):
            inside = _kept(inside)
        made.append(escape(word[:start]) + inside + escape(word[start + len(core) :]))
    return " ".join(made)


def _kept(text: str) -> str:
    """`text` in braces. To BibTeX, a brace before a backslash is an accented letter, which it lower-cases: two, then."""
    return f"{{{{{text}}}}}" if text.startswith("\\") else f"{{{text}}}"


def _keeps_capitals(core: str, *, previous: str | None, sentence: bool, named: bool) -> bool:
    """Whether lower-casing would harm `core`. Styles themselves keep the title's first letter and one after a colon."""
    if core == core.lower():
        return False
    parts = re.split(r"[-‐‑–/]", core)  # "Chain-of-Thought" is three ordinary words, "O1-Pruner" is a name
    if any(part[1:] != part[1:].lower() or re.search(r"\d", part) or part in _PROPER for part in parts):
        return True
    if any(len(part) == 1 and part != part.lower() for part in parts[1:]) or (named and len(parts) > 1):
        return True
    if previous is None or previous.endswith(":"):
        return False
    if _SENTENCE_END.search(previous):
        return True
    return sentence or (len(core) == 1 and core != "A")


# Names and addresses


def authors(people: Sequence[Author], *, ascii_math: bool = False) -> str:
    """The value of the author field."""
    return " and ".join(_name(split_name(author.name), ascii_math) for author in people)


def _name(name: Name, ascii_math: bool) -> str:
    if name.whole:
        return _kept(escape_latex(name.family, ascii_math=ascii_math))
    if name.suffix:  # cannot be said in natural order
        last = " ".join(filter(None, (name.particle, name.family)))
        parts = (last, name.suffix, name.given)
        return ", ".join(escape_latex(part, ascii_math=ascii_math) for part in parts)
    return escape_latex(str(name), ascii_math=ascii_math)


def verbatim(text: str) -> str:
    """A DOI or URL: read as it is by the url and doi fields, so only what breaks BibTeX itself is replaced."""
    return text.replace("\\", "%5C").replace("{", "%7B").replace("}", "%7D")

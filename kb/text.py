"""Normal forms of titles and names, for comparing. Nothing here is shown to a reader."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_RUN = re.compile(r"[^a-z0-9]+")
_LATEX_COMMAND = re.compile(r"\\[a-zA-Z]+\*?|\\.")
_STOP = frozenset(
    "a an the on of for in to and or with by from is are do does can at as via how what when why not "
    "towards toward using be it its your you we our".split()
)
# Letters and punctuation that NFKD leaves alone but that people write in ASCII.
_FOLD = str.maketrans(
    {
        "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE",
        "œ": "oe", "Œ": "OE", "ı": "i", "ð": "d", "þ": "th",
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lambda", "μ": "mu", "π": "pi",
        "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "ψ": "psi", "ω": "omega",
        **dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("‘’‛′", "'"), **dict.fromkeys("“”„″«»", '"'),
        **dict.fromkeys("·•×÷→…", " "),
    }
)  # fmt: skip
_LATEX_SYMBOL = re.compile(r"\\(alpha|beta|gamma|delta|lambda|mu|pi|sigma|tau|phi|varphi|psi|omega)\b")


_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u200b\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """`text` with every run of white space folded to one space, without control and direction-override characters."""
    return " ".join(_INVISIBLE.sub("", text).split())


def ascii_fold(text: str) -> str:
    """`text` without accents; letters of other scripts are dropped."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLD)).translate(_FOLD)
    return decomposed.encode("ascii", "ignore").decode("ascii")


@lru_cache(maxsize=65536)
def normal_title(title: str) -> str:
    """The form under which two spellings of one title are equal.

    Case, accents, punctuation, white space and LaTeX commands do not count; Greek letters are spelled out. A
    title without a single Latin letter or digit keeps its own characters, so that it is never empty.

    >>> normal_title("{CoT}-Valve: $\\\\phi$-Decoding, Łukasz's naïve  way")
    'cot valve phi decoding lukasz s naive way'
    """
    plain = _LATEX_SYMBOL.sub(lambda m: " " + m.group(1).removeprefix("var") + " ", title)
    plain = _LATEX_COMMAND.sub(" ", plain).replace("{", "").replace("}", "").replace("$", " ")
    folded = _RUN.sub(" ", ascii_fold(plain).lower()).strip()
    return folded or one_line(title).casefold()


# One of these makes a name that of a team, which has no surname.
_TEAM = re.compile(
    r"(?i:\b(?:teams?|groups?|collaboration|consortium|labs?|laborator(?:y|ies)|project|community|foundation|and|others|"
    r"inc|corp|ltd|university|institute|research|association|company|contributors|authors|et al)\b)"
    r"|\bAI\b|&|DeepMind|OpenAI"
)


def is_team(name: str) -> bool:
    """Whether `name` is that of a team, a firm or several people, and not to be taken apart.

    >>> is_team("Prime Intellect Team"), is_team("DeepSeek-AI"), is_team("Ada Lovelace")
    (True, True, False)
    """
    return _TEAM.search(name) is not None


def surname(name: str) -> str:
    """The family name in "Given Family" or "Family, Given"; a name of one word or a team's is kept whole.

    >>> surname("Peter H. N. de With"), surname("Bengio, Yoshua"), surname("Sashank J. Reddi Jr."), surname("Qwen Team")
    ('de With', 'Bengio', 'Reddi', 'Qwen Team')
    """
    name = one_line(name)
    if is_team(name):
        return name
    if "," in name:
        return name.split(",", 1)[0].strip()
    words = [
        word for word in name.split(" ") if word.rstrip(".").lower() not in {"jr", "sr", "ii", "iii", "iv"}
    ]
    if len(words) <= 1:
        return name
    last = len(words) - 1
    while last > 1 and words[last - 1].islower():  # "de With", "van den Berg"
        last -= 1
    return " ".join(words[last:])


@lru_cache(maxsize=65536)
def normal_author(name: str) -> str:
    """Surname without case and accents.

    >>> normal_author("Adrian Łańcucki")
    'lancucki'
    """
    folded = _RUN.sub("", ascii_fold(surname(name)).lower())
    return folded or surname(name).casefold()


def first_significant_word(title: str) -> str:
    """The first word of a title that a person would remember it by, in ASCII; `untitled` if there is none."""
    words = [word for word in normal_title(title).split() if word.isascii() and word.isalnum()]
    for word in words:
        if word not in _STOP and not word.isdigit() and len(word) > 1:
            return word
    return words[0] if words else "untitled"

"""What is read of a paper: its words, hashed n-grams of them, and whether it is English at all."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from kb.text import ascii_fold, one_line

MAX_CHARS = 20_000
BUCKETS = 1 << 16
_SENTENCE = re.compile(r"[.!?;:]\s")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")
_STOP = frozenset(
    "a about above after again all also although am an and any are as at be because been before being below between "
    "both but by can cannot could did do does doing down during each either et al etc few for from further furthermore "
    "had has have having he her here hers him his how however i if in into is it its itself just may me might more most "
    "moreover much must my nor not now of off often on once one only or other our ours out over own per same she should "
    "so some such than that the their theirs them then there these they this those through thus to too toward towards "
    "under until up upon us very via was we were what when where whether which while who whom why will with within "
    "without would yet you your paper propose proposed present introduce show results method methods approach using "
    "used use based".split()
)

_ENDINGS = (
    *(
        "izations",
        "ization",
        "ations",
        "ation",
        "ings",
        "ing",
        "edly",
        "ions",
        "ion",
        "ed",
        "ers",
        "er",
        "es",
        "s",
    ),
    *("ly", "e"),
)

# Function words of languages written in Latin letters, without accents, that English does not have.
_FOREIGN = frozenset(
    "les des une dans pour sur avec qui que est sont nous cette ces par plus aux leur der das und ist nicht mit von den "
    "dem ein eine einer eines auf fur werden wird durch wir zur zum el los las del una con por para como es esta este "
    "estos mas sus um uma os na nos ao pela pelo com sao il lo gli della delle nel che di sono alla het een van voor niet "
    "zijn met deze ve bir bu ile icin yang dan dengan untuk dari pada och att som det".split()
)


@dataclass(frozen=True)
class Document:
    """A title and an abstract, cut to what is worth reading.

    `filed` are branches under which lists filed the paper, one entry a list: evidence beside the text.
    """

    title: str = ""
    abstract: str = ""
    id: str | None = None
    filed: tuple[str, ...] = ()
    arxiv_id: str | None = None

    @cached_property
    def text(self) -> str:
        """What is embedded: one line, title first."""
        title, abstract = one_line(self.title[:MAX_CHARS]), one_line(self.abstract[:MAX_CHARS])
        return f"{title}. {abstract}" if title and abstract else title or abstract

    @cached_property
    def digest(self) -> str:
        """What tells the text from any other."""
        return hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @cached_property
    def title_words(self) -> list[str]:
        return plain_words(self.title[:MAX_CHARS])

    @cached_property
    def sentences(self) -> list[list[str]]:
        """The words of the abstract."""
        parts = _SENTENCE.split(_folded(self.abstract[:MAX_CHARS]))
        return [words for part in parts if (words := _WORD.findall(part))]

    @cached_property
    def grams(self) -> dict[str, int]:
        """Stems and pairs of neighbouring stems, without the commonest words, counted; the title counts twice."""
        found: list[str] = []
        for stems in self.stems:
            found += stems
            found += map(" ".join, pairwise(stems))
        return Counter(found)

    @cached_property
    def spelled(self) -> dict[str, str]:
        """How the text spells each of `grams` where it says it first."""
        found: dict[str, str] = {}
        for kept, stems in zip(self.kept, self.stems, strict=True):
            for said, gram in zip(kept, stems, strict=True):
                found.setdefault(gram, said)
            for pair, stem_pair in zip(pairwise(kept), pairwise(stems), strict=True):
                found.setdefault(" ".join(stem_pair), " ".join(pair))
        return found

    @cached_property
    def emphasis(self) -> np.ndarray:
        """What each of `grams` counts as evidence for a reader: more if it is said often, or is a pair."""
        often = 1 + np.log(np.fromiter(self.grams.values(), float, len(self.grams)))
        pairs = np.fromiter((1.3 if " " in gram else 1.0 for gram in self.grams), float, len(self.grams))
        return often * pairs

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of `kept`."""
        return [[stem(word) for word in kept] for kept in self.kept]

    @cached_property
    def kept(self) -> list[list[str]]:
        """The words of each sentence without the commonest; the title comes twice."""
        return [
            [word for word in words if word not in _STOP and (len(word) > 1 or word.isdigit())]
            for words in (self.title_words, self.title_words, *self.sentences)
        ]

    @cached_property
    def columns(self) -> np.ndarray:
        """The bucket of each of `grams`."""
        return np.array([bucket(gram) for gram in self.grams], dtype=np.int64)

    def unreadable(self) -> str | None:
        """Why nothing can be said, if so."""
        if not self.text:
            return "there is neither title nor abstract"
        beginning = self.text[:4000]
        if not _LETTER.search(beginning):
            return "there are no words"
        if not beginning.isascii():
            letters = [char for char in beginning if char.isalpha()]
            if sum(char.isascii() for char in letters) < 0.7 * len(letters):
                return "it is not in English"
        words = Counter(word for sentence in (self.title_words, *self.sentences) for word in sentence)
        foreign = sum(words[word] for word in words.keys() & _FOREIGN)
        if foreign >= 3 and foreign > 2 * sum(words[word] for word in words.keys() & _STOP):
            return "it is not in English"
        return None


def _folded(text: str) -> str:
    return (text if text.isascii() else ascii_fold(text)).lower()


def plain_words(text: str) -> list[str]:
    """The words of a text, folded to lower-case ASCII."""
    return _WORD.findall(_folded(text))


@lru_cache(maxsize=1 << 18)
def stem(word: str) -> str:
    """The word without its ending: pruned, prunes and pruning are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=1 << 18)
def bucket(ngram: str) -> int:
    return zlib.crc32(ngram.encode()) & (BUCKETS - 1)


@dataclass(frozen=True)
class Sparse:
    """Rows of few numbers: row i has `values[start[i]:start[i + 1]]` in the columns of the same places."""

    start: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    def row(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(int(self.start[index]), int(self.start[index + 1]))
        return self.columns[part], self.values[part]

    def take(self, rows: Sequence[int] | np.ndarray) -> Sparse:
        """These rows, in this order."""
        parts = [self.row(int(index)) for index in rows]
        return packed([(columns, values) for columns, values in parts])

    def joined(self, other: Sparse) -> Sparse:
        """The rows of both."""
        return Sparse(
            np.concatenate([self.start, other.start[1:] + self.start[-1]]),
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.values, other.values]),
        )

    def dot(self, dense: np.ndarray) -> np.ndarray:
        """The product with a matrix of `BUCKETS` rows."""
        out = np.zeros((len(self), dense.shape[1]), dtype=np.float64)
        filled = np.flatnonzero(np.diff(self.start))
        for at in range(0, len(filled), 512):
            rows = filled[at : at + 512]
            first, last = int(self.start[rows[0]]), int(self.start[rows[-1] + 1])
            part = dense[self.columns[first:last]] * self.values[first:last, None]
            out[rows] = np.add.reduceat(part, self.start[rows] - first, axis=0)
        return out

    def transposed_dot(self, dense: np.ndarray) -> np.ndarray:
        """The product of the transpose with a matrix of as many rows as this has."""
        out = np.zeros((BUCKETS, dense.shape[1]), dtype=np.float64)
        for index in range(len(self)):
            columns, values = self.row(index)
            np.add.at(out, columns, values[:, None] * dense[index][None])
        return out

    def products(self, other: Sparse) -> np.ndarray:
        """Every row's inner product with every row of `other`."""
        out = np.zeros((len(self), len(other)), dtype=np.float64)
        if not len(other) or not len(other.columns):
            return out
        filled = np.flatnonzero(np.diff(other.start))
        dense = np.zeros(BUCKETS)
        for index in range(len(self)):
            columns, values = self.row(index)
            dense[columns] = values
            out[index, filled] = np.add.reduceat(dense[other.columns] * other.values, other.start[filled])
            dense[columns] = 0.0
        return out


def packed(rows: Iterable[tuple[np.ndarray, np.ndarray]]) -> Sparse:
    """Rows of (columns, values)."""
    kept = list(rows)
    start = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in kept])]).astype(np.int64)
    columns = [columns for columns, _ in kept] or [np.zeros(0)]
    values = [values for _, values in kept] or [np.zeros(0)]
    return Sparse(start, np.concatenate(columns).astype(np.int64), np.concatenate(values).astype(np.float64))


def counts(documents: Iterable[Document]) -> Sparse:
    """How often each bucket occurs in each document, damped (1 + log); a pair counts half, its words are there too."""
    rows = []
    for document in documents:
        columns, inverse = np.unique(document.columns, return_inverse=True)
        times = np.fromiter(document.grams.values(), float, len(inverse))
        worth = np.fromiter((0.5 if " " in gram else 1.0 for gram in document.grams), float, len(inverse))
        rows.append((columns, np.bincount(inverse, weights=(1 + np.log(times)) * worth)))
    return packed(rows)


def inverse_frequency(tf: Sparse, least: int = 2) -> np.ndarray:
    """A weight for each bucket: the rarer the heavier, nothing for what occurs in fewer than `least` documents."""
    seen = np.bincount(tf.columns, minlength=BUCKETS)
    weight = np.log((1 + len(tf)) / (1 + seen)) + 1
    return np.where(seen >= least, weight, 0.0)


def weigh(tf: Sparse, idf: np.ndarray) -> Sparse:
    """TF-IDF rows of length one."""
    values = tf.values * idf[tf.columns]
    squares = np.add.reduceat(np.append(values**2, 0.0), tf.start[:-1]) if len(tf) else np.zeros(0)
    lengths = np.diff(tf.start)
    norms = np.where((lengths > 0) & (squares > 0), np.sqrt(np.maximum(squares, 1e-30)), 1.0)
    return Sparse(tf.start, tf.columns, values / np.repeat(norms, lengths))

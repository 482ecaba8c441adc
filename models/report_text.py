"""Read what people report and say which hazard they mean.

Pieces of words are counted (two or three characters of Chinese; words and three letters of
English), so misspellings, missing spaces and unknown words still resemble known ones. A linear
model over the pieces starts from a vocabulary and learns from every category and verdict.
"""

from __future__ import annotations

import pickle
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.report_words import SEED_PHRASES

__all__ = ["ReportText", "normalise"]

SLOTS = 1 << 14  # pieces share this many rows of weights; one more is everybody's
LONGEST = 400  # characters that are read
RATE = 0.2  # of .5, .2, .1, .05 the most accurate on the first half of one of four recorded sets
SEED_ROUNDS = 10  # times the vocabulary is taught
_UNTAUGHT, _MET = np.float32(1e-2), np.float32(1e-6)  # history of a piece, and that it was met
_MAGIC = b"cwtexts1"

_HAN = re.compile(r"[㐀-鿿]+")
_WORD = re.compile(r"[a-z0-9.']+")
_NOISE = re.compile(r"https?://\S+|[@#]\w+")
_NOT_TEXT = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+")
_REPEATED = re.compile(r"(.)\1{2,}")


def normalise(text: str) -> str:
    """Return the key under which near-duplicates of a text meet.

    Width, case, spaces, punctuation, links, names and repeated characters do not matter; all
    numbers are the same number.

    Examples
    --------
    >>> normalise("Water, 30cm DEEP!!! @city") == normalise("water 25 cm deep")
    True
    >>> normalise("路口积水３０厘米！！")
    '路口积水0厘米'
    """
    folded = _NOISE.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return _REPEATED.sub(r"\1", _NUMBER.sub("0", _NOT_TEXT.sub("", folded)))


class ReportText:
    """Probability of each hazard, given a report's text.

    Parameters
    ----------
    seed_phrases
        What is said of each hazard, to start from; its keys are the hazards.

    Notes
    -----
    Softmax regression on hashed pieces, learnt by gradient steps that shrink per weight with its
    history (AdaGrad). A river ``OneVsRest`` would need twelve dictionaries of weights and many
    times as long.
    A new model is taught its vocabulary in .1 s.
    State: two tables of 16,384 x hazards float32, 1.6 MB for twelve, for ever; a new piece shares
    a row. Cost: about 100 us a report of 100 characters; text past 400 characters is not read.
    A text without any piece gets the shares of the hazards seen so far.

    Examples
    --------
    >>> triage = ReportText()
    >>> def hazard(text):
    ...     chances = triage.predict_proba_one(text)
    ...     return max(chances, key=chances.get)
    >>> hazard("桥底下积水好深，车都熄火了"), hazard("strong smel of gas near the school")
    ('waterlogging', 'gas_leak')
    >>> for _ in range(10):
    ...     triage.learn_one("the big crane is swaying", "other")
    >>> hazard("a crane is swaying over the road")
    'other'

    References
    ----------
    Weinberger et al. 2009 (feature hashing); Duchi, Hazan and Singer 2011 (AdaGrad).
    """

    def __init__(self, seed_phrases: Mapping[str, Sequence[str]] = SEED_PHRASES) -> None:
        self.hazards = tuple(seed_phrases)
        self._weights = np.zeros((SLOTS + 1, len(self.hazards)), np.float32)
        self._history = np.full_like(self._weights, _UNTAUGHT)
        taught = [[_pieces(phrase) for phrase in phrases] for phrases in seed_phrases.values()]
        # Turn by turn, so that no hazard is the last one taught.
        for nth in range(SEED_ROUNDS * max(map(len, taught), default=0)):
            for hazard, phrases in enumerate(taught):
                self._learn(*phrases[nth % len(phrases)], hazard)

    def predict_proba_one(self, text: str) -> dict[str, float]:
        """Return the probability of each hazard; they sum to 1."""
        slots, sizes = _pieces(text)
        chances = _softmax(self._known(slots, sizes) @ self._weights[slots])
        return dict(zip(self.hazards, chances.tolist(), strict=True))

    def learn_one(self, text: str, hazard: str) -> None:
        """Learn that this text was about this hazard.

        Raises
        ------
        ValueError
            When the hazard is not one of the model's.
        """
        if hazard not in self.hazards:
            raise ValueError(f"hazard must be one of {self.hazards}, got {hazard!r}")
        self._learn(*_pieces(text), self.hazards.index(hazard))

    def _known(self, slots: NDArray[np.intp], sizes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sizes with which known pieces stand in a text.

        A text's pieces share a weight of one, to the square root: two telling words among twenty
        would else hardly count. Pieces never met tell nothing and have no share.
        """
        known: NDArray[np.float32] = sizes * (self._history[slots, 0] > _UNTAUGHT)
        known /= max(float(known @ known) ** 0.25, 1e-9)
        return known

    def _learn(self, slots: NDArray[np.intp], sizes: NDArray[np.float32], hazard: int) -> None:
        self._history[slots] += _MET
        sizes = self._known(slots, sizes)
        weights = self._weights[slots]
        error = _softmax(sizes @ weights)
        error[hazard] -= 1.0
        step = sizes[:, None] * error
        history = self._history[slots] + step * step
        self._history[slots] = history
        self._weights[slots] = weights - RATE * step / np.sqrt(history)

    def snapshot(self) -> bytes:
        """Return the model as versioned bytes."""
        return _MAGIC + pickle.dumps((self.hazards, self._weights, self._history), protocol=5)

    @classmethod
    def restore(cls, snapshot: bytes) -> ReportText:
        """Return the model whose ``snapshot`` this is; only for bytes of our own making.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version.
        """
        if not snapshot.startswith(_MAGIC):
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {snapshot[:8]!r}")
        model = cls.__new__(cls)
        model.hazards, model._weights, model._history = pickle.loads(snapshot[len(_MAGIC) :])
        return model


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    chances = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = chances / chances.sum()
    return shares


def _pieces(text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of weights a text uses and how much of each; the last one is everybody's."""
    folded = _NOISE.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST]).casefold())
    found = {crc32(piece.encode()) % SLOTS: size for piece, size in _cut(folded)}
    sizes = np.fromiter(found.values(), np.float32, len(found))
    slots = np.fromiter(found, np.intp, len(found))
    return np.append(slots, SLOTS), np.append(sizes, np.float32(0.3))


def _cut(folded: str) -> Iterator[tuple[str, float]]:
    for run in _HAN.findall(folded):
        for size in (2, 3):
            for start in range(max(len(run) - size + 1, 1)):
                yield run[start : start + size], 1.0
    for word in _WORD.findall(folded):
        yield " " + word, 1.0
        framed = f"<{word}>"
        for start in range(len(framed) - 2):
            yield framed[start : start + 3], 0.4

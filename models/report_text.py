"""Read what people report and say which hazard they mean.

Pieces of words are counted (two or three characters of Chinese; words and three letters of
English), so misspellings, missing spaces and unknown words still resemble known ones. A linear
model over the pieces starts from a vocabulary and learns from every category.
"""

from __future__ import annotations

import pickle
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from zlib import crc32

from models.report_words import SEED_PHRASES

__all__ = ["ReportText", "normalise"]

SLOTS = 1 << 14  # pieces share this many weights a hazard; one more is every text's
LONGEST = 400  # characters that are read
RATE = 0.2  # of .5, .2, .1, .05 the most accurate on the first 5,000 of one of four recorded sets
UNTAUGHT = 1e-2  # history of a weight before its first step: else every first step is a whole one
SEED_ROUNDS = 10  # times the vocabulary is taught
_COMMON = SLOTS
_MAGIC = b"cwtexts2"

_HAN = re.compile(r"[㐀-鿿]+")
_WORD = re.compile(r"[a-z0-9.']+")
_NAME = re.compile(r"https?://\S+|@\w+")  # whose words they are is nothing to us
_NOISE = re.compile(rf"{_NAME.pattern}|#\w+")
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
    River's softmax regression on hashed pieces, learnt by gradient steps that shrink per weight
    with its history (AdaGrad). A new model is taught its vocabulary in a second.
    State: a weight and its history for each hazard and each of 16,384 pieces, some 30 MB in memory
    and 5 MB in a snapshot once all have been met; further pieces share. Cost: .8 ms to ask and
    learn a report of 100 characters, 6 ms one of 400 in Chinese; past 400 nothing is read.
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
        # Half a second, which only who reads reports waits for.
        from river import linear_model, optim  # noqa: PLC0415

        self.hazards = tuple(seed_phrases)
        self._met = {_COMMON}
        self._model: Any = linear_model.SoftmaxRegression(optim.AdaGrad(RATE, eps=UNTAUGHT))
        self._saved: bytes | None = None
        # Turn by turn, so that no hazard is the last one taught.
        for nth in range(SEED_ROUNDS * max(map(len, seed_phrases.values()), default=0)):
            for hazard, phrases in seed_phrases.items():
                self.learn_one(phrases[nth % len(phrases)], hazard)

    @classmethod
    def taught(cls, phrases: Mapping[str, Sequence[str]] = SEED_PHRASES) -> ReportText:
        """Return a new model of these phrases; a process teaches them once."""
        return cls.restore(_taught(tuple((hazard, tuple(of)) for hazard, of in phrases.items())))

    def predict_proba_one(self, text: str) -> dict[str, float]:
        """Return the probability of each hazard; they sum to 1."""
        chances = self._model.predict_proba_one(self._known(_pieces(text)))
        return {hazard: float(chances.get(hazard, 0.0)) for hazard in self.hazards}

    def learn_one(self, text: str, hazard: str) -> None:
        """Learn that this text was about this hazard.

        Raises
        ------
        ValueError
            When the hazard is not one of the model's.
        """
        if hazard not in self.hazards:
            raise ValueError(f"hazard must be one of {self.hazards}, got {hazard!r}")
        pieces, self._saved = _pieces(text), None
        self._met.update(pieces)
        self._model.learn_one(self._known(pieces), hazard)

    def _known(self, pieces: dict[int, float]) -> dict[int, float]:
        """Return the pieces that have been met, and how much of each there is.

        They share a weight of one, to the square root: two telling words among twenty would else
        hardly count. Pieces never met tell nothing and have no share.
        """
        known = {slot: size for slot, size in pieces.items() if slot in self._met}
        share = sum(size * size for size in known.values()) ** 0.25
        return {slot: size / share for slot, size in known.items()}

    def snapshot(self) -> bytes:
        """Return the model as versioned bytes; they are made only after it has learnt."""
        if self._saved is None:
            state = self.hazards, self._met, self._model
            self._saved = _MAGIC + pickle.dumps(state, protocol=5)
        return self._saved

    @classmethod
    def restore(cls, snapshot: bytes) -> ReportText:
        """Return the model whose ``snapshot`` this is; only for bytes of our own making.

        Raises
        ------
        ValueError
            When the bytes are not a snapshot of this version, or of another river's.
        """
        if not snapshot.startswith(_MAGIC):
            raise ValueError(f"not a {_MAGIC!r} snapshot: got {snapshot[:8]!r}")
        model = cls.__new__(cls)
        try:
            state = pickle.loads(snapshot[len(_MAGIC) :])
        except (pickle.UnpicklingError, EOFError, ImportError, AttributeError) as error:
            raise ValueError(f"not a snapshot of this version of river: {error}") from error
        model.hazards, model._met, model._model = state
        model._saved = snapshot
        return model


@cache
def _taught(phrases: tuple[tuple[str, tuple[str, ...]], ...]) -> bytes:
    return ReportText(dict(phrases)).snapshot()


def _pieces(text: str) -> dict[int, float]:
    """Return the pieces of a text, hashed, and how much of each; one more is every text's."""
    folded = _NAME.sub(" ", unicodedata.normalize("NFKC", text[:LONGEST]).casefold())
    found = {crc32(piece.encode()) % SLOTS: size for piece, size in _cut(folded)}
    return {**found, _COMMON: 0.3}


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

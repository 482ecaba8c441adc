"""Judge the triage of reports on recorded texts, each one judged first and learnt after.

    python -m benchmarks.yardsticks.reports --reports DIR [--limit N] [--json FILE]

Posts of a hurricane and two floods are on or off topic (off topic is the hazard ``other``);
messages of an earthquake carry categories, mapped to hazards here. ``cold`` is the seed vocabulary
alone. Ours is river's softmax regression over pieces of words that we choose and weigh. Beside it
stand plain river pipelines over words and their pieces, taught the same vocabulary first; its
complement Bayes is not among them: it did not end 1,200 texts in two minutes. Our rate of learning
(of .5, .2, .1, .05), and that topics (``#flood``) are read, were chosen on the first 5,000 posts of
the Alberta floods; nothing else was chosen on these data.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from river import compose, feature_extraction, linear_model, multiclass, naive_bayes, optim

from models.report_text import ReportText
from models.report_words import SEED_PHRASES

__all__ = ["MODELS", "Told", "judge", "main", "read_haiti", "read_posts"]

CURVE = (50, 200, 1000)
"""Reports after which the learning curve is read."""
_PIECE = re.compile(r"[a-z0-9']+|[㐀-鿿]+")
_HAITI = {
    "1d": "fire",
    "2b": "water_supply",
    "7b": "water_supply",
    "2f": "power",
    "5c": "traffic",
    "5d": "traffic",
    "7h": "traffic",
}
"""Code of a category and its hazard; every other one is ``other``."""


class Told(NamedTuple):
    """One text and what it was about."""

    text: str
    hazard: str


class Model(Protocol):
    """What is judged."""

    def predict_proba_one(self, text: str) -> dict[str, float]:
        """Return the chance of each hazard."""

    def learn_one(self, text: str, hazard: str) -> None:
        """Learn one text."""


def read_posts(path: Path) -> list[Told]:
    """Return a file's posts, in their order of time."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["time_utc"])
    return [Told(row["text"], "flood" if row["label"] == "on-topic" else "other") for row in rows]


def read_haiti(path: Path) -> list[Told]:
    """Return the messages that carry a category, in their order of time."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["time"])
    told = []
    for row in rows:
        codes = [code.split(".")[0].strip() for code in row["CATEGORY"].split(",")]
        found = [_HAITI[code] for code in codes if code in _HAITI]
        if any(codes):
            text = f"{row['INCIDENT TITLE']} {row['DESCRIPTION']}"
            told.append(Told(text, found[0] if found else "other"))
    return told


class _River:
    """A river pipeline, taught the vocabulary as so many small texts."""

    def __init__(self, last: Any, weighting: type = feature_extraction.BagOfWords) -> None:
        words = weighting(lowercase=True, tokenizer=_pieces)
        self._pipeline: Any = compose.Pipeline(words, last)
        phrases = max(map(len, SEED_PHRASES.values()))
        for nth in range(phrases):
            for hazard, said in SEED_PHRASES.items():
                self.learn_one(said[nth % len(said)], hazard)

    def predict_proba_one(self, text: str) -> dict[str, float]:
        return dict(self._pipeline.predict_proba_one(text))

    def learn_one(self, text: str, hazard: str) -> None:
        self._pipeline.learn_one(text, hazard)


def _pieces(text: str) -> list[str]:
    """Return words and their three letters, two characters of Chinese."""
    found = []
    for run in _PIECE.findall(text[:400]):
        size = 3 if run.isascii() else 2
        framed = f"<{run}>" if run.isascii() else run
        found += [framed[i : i + size] for i in range(max(len(framed) - size + 1, 1))]
        found += [run] if run.isascii() else []
    return found


_BAYES: Any = naive_bayes.MultinomialNB  # river has no types

MODELS: dict[str, Callable[[], Model]] = {
    "ours": ReportText,
    "river multinomial Bayes": lambda: _River(_BAYES()),
    "river softmax": lambda: _River(
        linear_model.SoftmaxRegression(optim.AdaGrad(0.1)), feature_extraction.TFIDF
    ),
    "river one against the rest": lambda: _River(
        multiclass.OneVsRestClassifier(linear_model.LogisticRegression(optim.AdaGrad(0.1))),
        feature_extraction.TFIDF,
    ),
}


class _Judged(NamedTuple):
    """What a model gave one text."""

    truth: str
    said: str
    chance: float
    """Chance given to the truth."""


def judge(model: Model, told: Sequence[Told], learn: bool = True) -> tuple[list[_Judged], float]:
    """Return what a model gave every text before learning it, and processor microseconds a text.

    The chances of hazards that a set does not know are left out: nothing there is about them.
    """
    known = {each.hazard for each in told}
    judged, begun = [], time.process_time()
    for text, truth in told:
        chances = {h: c for h, c in model.predict_proba_one(text).items() if h in known}
        total = sum(chances.values()) or 1.0
        said = max(sorted(chances), key=lambda hazard: chances[hazard], default="other")
        judged.append(_Judged(truth, said, chances.get(truth, 0.0) / total))
        if learn:
            model.learn_one(text, truth)
    return judged, (time.process_time() - begun) * 1e6 / max(len(told), 1)


def figures(judged: Sequence[_Judged]) -> dict[str, float]:
    """Return accuracy, the mean F1 of the hazards, and log loss."""
    hazards = sorted({each.truth for each in judged})
    return {
        "accuracy": sum(each.truth == each.said for each in judged) / len(judged),
        "f1": sum(_f1(judged, hazard) for hazard in hazards) / len(hazards),
        "log_loss": -sum(math.log(max(each.chance, 1e-6)) for each in judged) / len(judged),
    }


def _f1(judged: Sequence[_Judged], hazard: str) -> float:
    hits = sum(each.truth == each.said == hazard for each in judged)
    claims = sum((each.truth == hazard) + (each.said == hazard) for each in judged)
    return 2.0 * hits / max(claims, 1)


def _sets(directory: Path, limit: int | None) -> Iterator[tuple[str, list[Told]]]:
    paths = sorted(directory.glob("*.csv.gz"))
    if not paths:
        raise FileNotFoundError(f"{directory}: expected *.csv.gz with reports, got none")
    for path in paths:
        read = read_haiti if path.name.startswith("haiti") else read_posts
        yield path.name.removesuffix(".csv.gz"), read(path)[:limit]


def _rows(name: str, told: list[Told], model: str) -> Iterator[dict[str, Any]]:
    cold, _ = judge(MODELS[model](), told, learn=False)
    yield {"set": name, "model": model, "texts": "cold", **figures(cold)}
    judged, cost_us = judge(MODELS[model](), told)
    for first in (*(n for n in CURVE if n < len(judged)), len(judged)):
        row = {"set": name, "model": model, "texts": f"first {first}", **figures(judged[:first])}
        yield row | ({"cost_us": cost_us} if first == len(judged) else {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures of every set and model."""
    parser = argparse.ArgumentParser(prog="reports", description=__doc__.split("\n")[0])
    parser.add_argument("--reports", type=Path, required=True, help="directory of the sets")
    parser.add_argument("--limit", type=int, help="texts of a set that are used")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--json", type=Path, help="file the figures are written to")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    print(f"{'set':24}{'model':28}{'texts':14}{'acc':>6}{'F1':>6}{'loss':>7}{'us':>7}")
    for name, told in _sets(given.reports, given.limit):
        for model in given.models:
            for row in _rows(name, told, model):
                rows.append(row)
                print(
                    f"{name:24}{model:28}{row['texts']:14}{row['accuracy']:6.3f}{row['f1']:6.3f}"
                    f"{row['log_loss']:7.3f}{row.get('cost_us', math.nan):7.0f}",
                    flush=True,
                )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

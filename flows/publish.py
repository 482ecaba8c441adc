"""Publish a feed to Kafka as the field would: every message under its sensor, in order.

Paced, it also publishes the feed's clock; at the end, it marks every partition as ended. Both are
messages without value, told by a header, that others may pass over.
"""

from __future__ import annotations

import argparse
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from flows.feeds import DirectoryFeed, Feed, FeedError, feed_paths
from flows.kafka import CLOCK_HEADER, END_HEADER, KafkaPlace, KafkaUnusableError, Topics
from flows.live import LivePlan, feed_of
from flows.running import ENDED, stop_on_signals
from flows.settings import ConfigError, load_settings
from flows.sources import FeedSource, Pace, Stop
from operators.intake import Poll
from sinks.kafka import Letter, Outbox, SendError

__all__ = ["Publisher", "main", "publish_directory"]

KEPT_S = 1.0
"""How often is noted how far publishing has come."""
_SENSOR = re.compile(rb'"sensor"\s*:\s*\[?\s*"((?:[^"\\]|\\.)*)"')


class Publisher:
    """Messages of a feed on their way to its topics.

    Parameters
    ----------
    partitions
        Topic to its partitions, which are told clock and end.

    Notes
    -----
    A message without a sensor's name still goes out: whoever reads it says what is wrong with it.
    """

    def __init__(self, outbox: Outbox, topics: Topics, partitions: Mapping[str, list[int]]) -> None:
        self.outbox = outbox
        self.published = 0
        self._partitions = partitions
        self._topics = {"readings": topics.readings, "reports": topics.reports}

    def publish(self, poll: Poll) -> None:
        """Send a poll's messages, and the clock and end it tells of."""
        topic = self._topics.get(poll.feed)
        if topic is None:
            return  # commands are given to the store, by people
        if poll.lines:
            self.outbox.send(topic, self._letters(poll))
            self.published += len(poll.lines)
        elif poll.clock_ms is not None and poll.live:
            self._mark(topic, CLOCK_HEADER, str(poll.clock_ms).encode())

    def end(self) -> None:
        """Mark every partition as ended, and wait until all has arrived."""
        for topic in self._partitions:
            self._mark(topic, END_HEADER, b"1")
        self.outbox.flush()

    def _letters(self, poll: Poll) -> Iterator[Letter]:
        for line in poll.lines:
            named = _SENSOR.search(line) if poll.feed == "readings" else None
            yield Letter(named[1] if named else b"", line)

    def _mark(self, topic: str, header: str, value: bytes) -> None:
        marks = (
            Letter(b"", None, ((header, value),), number) for number in self._partitions[topic]
        )
        self.outbox.send(topic, marks)


def publish(
    feed: Feed,
    publisher: Publisher,
    stop: Stop,
    pace: Pace | None = None,
    kept: Path | None = None,
    told: Callable[[float], None] | None = None,
) -> None:
    """Publish a feed to its end, or until asked to stop.

    Parameters
    ----------
    kept
        Where to note how far it has come, to go on from there.
    told
        Told the share that has been read.
    """
    source = FeedSource(lambda: feed, stop, pace)
    resume = pickle.loads(kept.read_bytes()) if kept is not None and kept.exists() else None
    part, noted = source.build_part("publish", "feed", resume), time.monotonic()
    try:
        while True:
            for poll in part.next_batch():
                publisher.publish(poll)
            if told is not None:
                told(feed.progress())
            if kept is not None and time.monotonic() - noted > KEPT_S:
                noted = time.monotonic()
                _note(kept, publisher, part.snapshot())
    except StopIteration:
        pass
    if kept is not None:
        _note(kept, publisher, part.snapshot())
    part.close()
    if not stop.asked:
        publisher.end()
    publisher.outbox.flush()
    stop.check()


def _note(kept: Path, publisher: Publisher, position: object) -> None:
    publisher.outbox.flush()
    fresh = kept.with_suffix(".new")
    fresh.write_bytes(pickle.dumps(position))
    fresh.replace(kept)


def publish_directory(
    directory: Path,
    kafka: KafkaPlace,
    topics: Topics,
    speed: float | None = None,
    told: Callable[[float], None] | None = None,
) -> int:
    """Publish a feed directory; return how many messages went out.

    Raises
    ------
    FeedError
        When the directory does not hold a feed.
    KafkaUnusableError
        When there is no such broker or topic.
    """
    stop = Stop()
    stop_on_signals(stop)
    feed_paths(directory)  # says what is wrong with it before anybody is asked
    publisher = _publisher(kafka, topics, stop)
    feed = DirectoryFeed(directory, timed=speed is not None)
    publish(feed, publisher, stop, None if speed is None else Pace(0, speed), None, told)
    return publisher.published


def _publisher(kafka: KafkaPlace, topics: Topics, stop: Stop) -> Publisher:
    known = {topic: kafka.partitions(topic) for topic in (topics.readings, topics.reports)}
    return Publisher(Outbox({**kafka.options(), "linger.ms": 5}, stop), topics, known)


def main(arguments: list[str] | None = None) -> int:
    """Publish what a plan of ``citywatch up`` says, as it happens; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.publish", description=__doc__)
    parser.add_argument("plan", type=Path, help="the plan, a JSON file")
    path = parser.parse_args(arguments).plan
    plan = msgspec.json.decode(path.read_bytes(), type=LivePlan)
    settings, stop = load_settings(), Stop()
    stop_on_signals(stop)
    kafka = KafkaPlace(str(settings.kafka), settings.kafka_security())
    publisher = _publisher(kafka, Topics(settings.kafka_prefix), stop)
    pace = Pace(plan.live_from_ms, plan.speed)
    publish(feed_of(plan), publisher, stop, pace, Path(plan.data_dir, "published"))
    return ENDED if stop.asked else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConfigError, FeedError, KafkaUnusableError, SendError, OSError) as error:
        sys.exit(f"citywatch: {error}")

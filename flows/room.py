"""``citywatch up``: plan a live run, start it, and keep a person informed while it goes on."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec
import orjson
import redis
from rich.console import Console

from flows.feeds import spans_ms
from flows.kafka import KafkaPlace, Topics
from flows.live import HOUR_MS, LivePlan, city_of
from flows.processes import environment, production_children
from flows.progress import Bar
from flows.replay import read_city
from flows.running import owned
from flows.settings import Settings
from flows.up import Child, Supervisor, UpError, port_is_free, python
from operators.codec import encode
from operators.events import LEVEL_NAMES
from simulators.clock import default_start
from sinks.store import EmbeddedStore, Keys, answers, connect, must_answer, without_secrets

__all__ = ["Up", "up"]

FIRST_LIVE_HOUR = 2 * 24 + 8
"""A simulated city is watched from a Wednesday, eight in the morning: it is awake, and the days
learnt from before were working days too."""
EVENT_AFTER_H = 1.5
EVENTLESS = ("quiet", "benign")
OVER = "the feed is over; the screen shows its end (Ctrl-C ends it)"
STILL_S = 5.0
"""A feed that lasts moves its clock every moment, whatever is in it: one that stands is over."""
PARTITIONS = 8
"""Of the readings, where we make the topics."""
STATUS_S = 1.0
PLAIN_STATUS_S = 10.0


@dataclass(frozen=True)
class Up:
    """What to watch, and for how long."""

    scenario: str = "flood"
    speed: float = 60.0
    seed: int = 1
    feed: Path | None = None
    for_s: float | None = None
    data_dir: Path | None = None
    processes: int = 1
    """Which share the readings, when there is a broker."""


def up(what: Up, settings: Settings) -> None:
    """Run everything until asked to stop.

    Raises
    ------
    UpError
        When it cannot start, or the data directory belongs to something else.
    RecoveryError
        When somebody else uses the data directory.
    FeedError
        When the feed is not one.
    """
    if not port_is_free(settings.host, settings.port):
        raise UpError(f"port {settings.port} of {settings.host} is taken: choose another by --port")
    with tempfile.TemporaryDirectory(prefix="citywatch-") as scratch:
        data = (what.data_dir or Path(scratch)).resolve()
        with owned(data):
            _Room(what, settings, data).run()


@dataclass
class _Room:
    what: Up
    settings: Settings
    data: Path
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def run(self) -> None:
        embedded = None if self.settings.redis else EmbeddedStore(self.data)
        url = embedded.url if embedded else str(self.settings.redis)
        plan = _same_run(self.data / "plan.json", self._plan(url))
        children = self._children(url, embedded)
        until = None if self.what.for_s is None else time.monotonic() + self.what.for_s
        with Supervisor(children, self._say) as supervisor:
            if embedded is not None:
                supervisor.start_first(lambda: answers(embedded.socket))
            else:
                must_answer(url)
            where = f"http://{_in_address(self.settings.host)}:{self.settings.port}"
            self._say(f"screen at {where}  (Ctrl-C ends it)")
            self._say(f"store at {without_secrets(url)}")
            # With a broker whoever publishes the feed says that it is over.
            steady = partial(all_steady, children) if self.settings.kafka is None else None
            with _Status(self.console, url, self.settings.region, plan, steady) as status:
                supervisor.run(status.show, until)

    def _say(self, sentence: str) -> None:
        self.console.print(sentence, highlight=False, soft_wrap=True)

    def _children(self, url: str, embedded: EmbeddedStore | None) -> list[Child]:
        """Return the processes, in the order in which they need each other."""
        settings = self.settings
        # Told by the environment: a command line is for all to see, and the address has a password.
        told = environment(settings.model_copy(update={"redis": url}))
        screen = self._child("screen", python("flows.screen"), told)
        children = [] if embedded is None else [self._child("store", embedded.command)]
        return [*children, screen, *self._flow(url)]

    def _flow(self, url: str) -> list[Child]:
        """Return what watches the city: one process, or with a broker those of production."""
        plan = str(self.data / "plan.json")
        if self.settings.kafka is None:
            return [self._child("flow", python("flows.live", plan))]
        settings = self._with_broker(url)
        city = Child(
            "city",
            python("flows.publish", plan),
            self.data / "logs" / "city.log",
            environment=environment(settings),
            farewell=OVER,
        )
        return [*production_children(settings, self.what.processes, clock="feed"), city]

    def _with_broker(self, url: str) -> Settings:
        """Make the city's file and topics; return the settings of its processes."""
        plan = msgspec.json.decode((self.data / "plan.json").read_bytes(), type=LivePlan)
        (self.data / "city.json").write_bytes(encode(city_of(plan)))
        settings = self.settings.model_copy(
            update={
                "redis": url,
                "city": self.data,
                "data_dir": self.data,
                "kafka_prefix": self._prefix(),
                "speed": self.what.speed,
            }
        )
        place = KafkaPlace(str(settings.kafka), settings.kafka_security())
        names = Topics(settings.kafka_prefix)
        place.create(names, max(PARTITIONS, self.what.processes))
        readings = place.partitions(names.readings)
        if len(readings) < self.what.processes:
            raise UpError(
                f"{names.readings} has {len(readings)} partitions: more processes have no work"
            )
        return settings

    def _prefix(self) -> str:
        """Return the prefix of this run's topics: a simulated city is a new one each time."""
        path = self.data / "prefix"
        if not path.exists():
            path.write_text(f"{self.settings.kafka_prefix}-{secrets.token_hex(3)}")
        return path.read_text()

    def _child(self, name: str, command: list[str], told: dict[str, str] | None = None) -> Child:
        log = self.data / "logs" / f"{name}.log"
        return Child(name, command, log, environment=told, ends=False)

    def _plan(self, url: str) -> LivePlan:
        what, settings = self.what, self.settings
        history_h = settings.history_h
        if what.feed is not None:
            read_city(what.feed)
            # The first there are are the readings, where there are any: these are what is learnt.
            spans = spans_ms(what.feed, int(history_h * HOUR_MS) + 1)
            first, last = next(iter(spans.values()), (0, 0))
            # There is to be something to see also of a short one.
            if (last - first) / HOUR_MS <= history_h:
                history_h = (last - first) / 2 / HOUR_MS
            live_from = first + int(history_h * HOUR_MS)
        elif what.speed == 1:
            live_from = int(time.time() * 1000)
        else:
            live_from = default_start(what.seed) + FIRST_LIVE_HOUR * HOUR_MS
        return LivePlan(
            url,
            settings.region,
            str(self.data),
            what.speed,
            settings.poll_size,
            settings.epoch_s,
            live_from,
            None if what.feed is None else str(what.feed.resolve()),
            what.scenario,
            what.seed,
            settings.sensors,
            history_h=history_h,
            weekly=settings.weekly,
            event_after_h=None if what.scenario == "day" else EVENT_AFTER_H,
            vocabulary=settings.phrases(),
        )


def all_steady(children: Sequence[Child]) -> bool:
    """Say whether none has died: of a clock that stands one of them could be the reason."""
    return not any(child.deaths for child in children)


def _same_run(path: Path, plan: LivePlan) -> LivePlan:
    """Keep the plan for the flow; refuse to go on with the state of another run.

    Raises
    ------
    UpError
        When the directory holds the state of something else, or its plan is damaged.
    """
    if path.exists():
        before = _plan_of(path)
        mine = ("feed", "scenario", "seed", "sensors", "region", "weekly")
        if any(getattr(before, name) != getattr(plan, name) for name in mine):
            raise UpError(
                f"{path.parent} holds a run of {before.feed or before.scenario}, seed"
                f" {before.seed}, {before.sensors} sensors{', by the week' * before.weekly}:"
                " give another --data-dir, or delete it"
            )
        # It goes on in its own time, not from where a new run would begin.
        plan = msgspec.structs.replace(plan, live_from_ms=before.live_from_ms)
    _write(path, msgspec.json.encode(plan))
    return plan


def _plan_of(path: Path) -> LivePlan:
    try:
        return msgspec.json.decode(path.read_bytes(), type=LivePlan)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UpError(
            f"{path}: not the plan of a run ({error}): give another --data-dir, or delete"
            f" {path.parent}"
        ) from None


def _write(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all, for us alone: the store's address may have a password."""
    fresh = path.with_suffix(".new")
    fresh.touch(0o600)
    fresh.chmod(0o600)  # it may have been there
    fresh.write_bytes(raw)
    fresh.replace(path)


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def outlook(plan: LivePlan, clock_ms: int, zone: ZoneInfo) -> str:
    """Return what is to come and when, where that is known: a simulation keeps its time."""
    if plan.feed is not None or plan.event_after_h is None or plan.scenario in EVENTLESS:
        return ""
    begins_ms = plan.live_from_ms + int(plan.event_after_h * HOUR_MS)
    if begins_ms <= clock_ms:
        return ""
    at = dt.datetime.fromtimestamp(begins_ms / 1000, zone)
    wait_min = (begins_ms - clock_ms) / 60_000 / plan.speed
    wait = f"{wait_min:.0f} min" if wait_min >= 2 else f"{60 * wait_min:.0f} s"
    return f": {plan.scenario.replace('_', ' ')} begins at {at:%a %H:%M}, in {wait}"


class _Status:
    """What a person at the terminal sees: how far it has learnt, then a line that stays current."""

    def __init__(
        self,
        console: Console,
        url: str,
        region: str,
        plan: LivePlan,
        steady: Callable[[], bool] | None,
    ) -> None:
        self.console, self.plan, self._steady = console, plan, steady
        self.keys = Keys(region)
        # It is looked again in a second: meanwhile what has died is to be started.
        self._client = connect(url, retries=0, answer_s=STATUS_S)
        self._bar: Bar | None = Bar("learning what is normal", console)
        self._line = console.status("starting") if console.is_terminal else None
        self._told = 0.0
        self._moved = 0, 0.0
        """The feed's clock, and when that was news."""
        self._over = False
        self._said = "", -PLAIN_STATUS_S
        """The last line on no terminal, and when that was."""
        self._zone = ZoneInfo(
            read_city(Path(plan.feed)).timezone if plan.feed else "Asia/Chongqing"
        )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        if self._line is not None:
            self._line.stop()

    def say(self, sentence: str) -> None:
        self.console.print(sentence, highlight=False, soft_wrap=True)

    def show(self) -> None:
        """Look at the store, once a second."""
        if (now := time.monotonic()) - self._told < STATUS_S:
            return
        if now - self._told > 2 * STATUS_S:  # nobody has answered, or looked, meanwhile
            self._moved = self._moved[0], now
        self._told = now
        with contextlib.suppress(redis.RedisError):
            self._look()

    def _look(self) -> None:
        answer: Any = self._client.hgetall(self.keys.overview)
        facts = {name.decode(): value for name, value in answer.items()}
        clock = int(orjson.loads(facts["clock"])) if "clock" in facts else None
        if clock is not None:
            self._learnt(clock) if clock < self.plan.live_from_ms else self._live(clock, facts)

    def _learnt(self, clock: int) -> None:
        if self._bar is not None:
            history_ms = max(1.0, self.plan.history_h * HOUR_MS)
            self._bar.show(min(1.0, max(0.0, 1 - (self.plan.live_from_ms - clock) / history_ms)))

    def _live(self, clock: int, facts: dict[str, bytes]) -> None:
        if self._bar is not None:
            self._bar.show(1.0)
            self._bar.__exit__(None, None, None)
            self._bar = None
            self.say(f"live{outlook(self.plan, clock, self._zone)}")
            if self._line is not None:
                self._line.start()
        text = f"{dt.datetime.fromtimestamp(clock / 1000, self._zone):%a %H:%M}  {self._counts()}"
        sensors = orjson.loads(facts["sensors"]) if "sensors" in facts else None
        if sensors:
            text += f"  {sensors['reporting']:,} of {sensors['total']:,} sensors"
        self._stands(clock)
        if self._line is not None:
            self._line.update(text)
        elif text != self._said[0] and time.monotonic() - self._said[1] >= PLAIN_STATUS_S:
            self.say(text)
            self._said = text, time.monotonic()

    def _stands(self, clock: int) -> None:
        """Say once that a recorded feed is over: people go on, the city does not."""
        now = time.monotonic()
        if clock != self._moved[0]:
            self._moved, self._over = (clock, now), False
        elif self.plan.feed and self._steady and self._steady() and not self._over:
            self._over = now - self._moved[1] > STILL_S + 2 / self.plan.speed
            if self._over:
                self.say(OVER)

    def _counts(self) -> str:
        counts = dict.fromkeys(LEVEL_NAMES, 0)
        active: Any = self._client.zrange(self.keys.active, 0, -1)
        for name in active:
            level: Any = self._client.hget(self.keys.alert(name.decode()), "level")
            if level is not None:
                counts[int(level)] += 1
        return " ".join(f"{counts[level]} {word}" for level, word in LEVEL_NAMES.items())

"""One connected screen: what it may say, and how far behind it may be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from sinks.control_room.protocol import Close, RefusedError

if TYPE_CHECKING:
    from sinks.control_room.channels import Subscription

__all__ = ["Client", "Outlet"]

SUBSCRIPTIONS = 16
MESSAGES = 20  # a second
BUSY_BYTES = 256 << 10  # unsent; beyond it latest values are conflated and old warnings wait
MOST_BYTES = 1 << 20  # unsent; beyond it the client is slow
PATIENCE_S = 5.0  # age of the oldest unsent warning beyond which the client is slow


class Outlet(Protocol):
    """The socket, as far as the hub needs one."""

    def write(self, frame: bytes) -> None:
        """Hand over a frame; never waits."""

    def buffered(self) -> int:
        """Return the bytes handed over and not yet taken by the network."""

    def close(self, code: int, why: str) -> None:
        """End the connection after what was written."""

    def abort(self) -> None:
        """End the connection at once; what is unsent is lost."""


class Client:
    """What the hub knows of one connection.

    Notes
    -----
    State: its subscriptions, the times of its last messages, and one mark per frame of warnings
    the network has not taken yet.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.subs: dict[int, Subscription] = {}
        self.greeted = False
        """Whether it got its first heartbeat."""
        self._said: deque[float] = deque(maxlen=MESSAGES)
        self._written = 0
        self._marks: deque[tuple[int, float]] = deque()

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        self.outlet.write(frame)
        self._written += len(frame)

    def write_alerts(self, frame: bytes, now: float) -> None:
        """Send a frame of warnings, whose age counts."""
        self.write(frame)
        self._marks.append((self._written, now))

    def heard(self, now: float) -> None:
        """Count a message; raises `RefusedError` when there are too many."""
        if len(self._said) == MESSAGES and now - self._said[0] < 1.0:
            raise RefusedError(Close.TOO_MUCH, f"more than {MESSAGES} messages a second")
        self._said.append(now)

    def follow(self, sub: Subscription) -> None:
        """Add a subscription; raises `RefusedError` when there are too many."""
        self.subs[sub.id] = sub
        if len(self.subs) > SUBSCRIPTIONS:
            raise RefusedError(Close.TOO_MUCH, f"more than {SUBSCRIPTIONS} subscriptions")

    def busy(self) -> bool:
        """Say whether there is enough on the way already."""
        return self.outlet.buffered() >= BUSY_BYTES

    def slow(self, now: float) -> bool:
        """Say whether the client does not take what it is sent."""
        unsent = self.outlet.buffered()
        while self._marks and self._marks[0][0] <= self._written - unsent:
            self._marks.popleft()
        late = bool(self._marks) and now - self._marks[0][1] > PATIENCE_S
        return late or unsent > MOST_BYTES

"""Commands on their way to the store, held until it has acknowledged them.

Sending does not wait for replies, so the hot path costs one write to a socket; `flush` waits.
While the store is away everything unacknowledged is held and sent again, in order, to the store
that comes back: only commands that may be applied twice belong here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from sinks.ending import Ending
from sinks.store import ANSWER_S, StoreError, connect

__all__ = ["HeldPipeline"]

HELD = 512  # commands; more unacknowledged ones than this wait for their replies
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5  # whoever asks for the end waits for the rest of one
LOOK_S = 0.2  # how often somebody who waits for a reply looks whether the end was asked for
PASSING = (
    ConnectionError,  # includes LOADING
    TimeoutError,
    OSError,
    ReadOnlyError,
    ClusterDownError,
    TryAgainError,
    OutOfMemoryError,
)

FINAL = (AuthenticationError, AuthorizationError)  # connection errors that waiting does not mend

log = logging.getLogger(__name__)


class HeldPipeline:
    """One connection that loses nothing while the store is away.

    Parameters
    ----------
    url
        The store.
    prepare
        Called with a client on every new connection, before anything held is sent again.
    relieve
        Called with a client when the store is out of memory.
    patience_s
        How long to keep trying before giving up.
    ending
        Cuts the patience short once the end was asked for; is told when writing has failed.

    Notes
    -----
    State: at most `HELD` commands. Guarantee: at least once, in order, until `flush` returns.
    While the store is away `send` and `flush` block, which holds back whoever feeds them.
    """

    def __init__(
        self,
        url: str,
        prepare: Callable[[redis.Redis], None],
        relieve: Callable[[redis.Redis], None],
        *,
        patience_s: float = 120.0,
        ending: Ending | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = connect(url, retries=0)  # trying again is done here
        self._ending = ending or Ending()
        self._prepare = prepare
        self._relieve = relieve
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._connection: Any = None
        self._held: list[tuple[Any, ...]] = []
        self._written = 0
        self.reconnects = 0
        """How often the store had to be found again."""

    @property
    def idle(self) -> bool:
        """Whether it is not connected and has nothing to send: what comes next prepares it."""
        return self._connection is None and not self._held

    def send(self, commands: list[tuple[Any, ...]]) -> None:
        """Send commands without waiting for their replies.

        Raises
        ------
        StoreError
            When the store stayed away longer than the patience, or until somebody who asked for the
            end had waited enough, or refused a command for good.
        """
        self._held += commands
        self._insist(self._settle if len(self._held) > HELD else self._push)

    def flush(self) -> None:
        """Wait until the store has acknowledged everything sent; raises as `send` does."""
        if self._held:
            self._insist(self._settle)

    def finish(self) -> None:
        """Flush, unless something has failed already: that has been told, and is not mended here.

        Raises
        ------
        StoreError
            As ``send`` does.
        """
        if not self._ending.broken:
            self.flush()

    def close(self) -> None:
        """Give the connection back; what is unacknowledged is forgotten."""
        self._hang_up()
        self._client.close()

    def _push(self) -> None:
        if self._connection is None:
            self._prepare(self._client)
            self._connection = self._client.connection_pool.get_connection()
            self._written = 0
        fresh = self._held[self._written :]
        if fresh:
            self._connection.send_packed_command(self._connection.pack_commands(fresh), False)
            self._written = len(self._held)

    def _settle(self) -> None:
        self._push()
        for _ in range(self._written):
            self._wait_for_reply()
            self._connection.read_response()
        self._held.clear()
        self._written = 0

    def _wait_for_reply(self) -> None:
        deadline = self._clock() + ANSWER_S
        while not self._connection.can_read(LOOK_S):
            if self._ending.over or self._clock() > deadline:
                raise TimeoutError("no answer")

    def _insist(self, step: Callable[[], None]) -> None:
        """Take a step; when the store is away, find it again until the patience is over."""
        started, pause_s, full = self._clock(), FIRST_PAUSE_S, False
        while True:
            try:
                if full:
                    log.error("store: out of memory, trimming its logs")
                    self._relieve(self._client)
                return step()
            except StoreError:  # it is another read model's
                self._ending.broken = True
                raise
            except (*PASSING, ResponseError) as error:
                self._hang_up()
                self._judge(error, self._clock() - started)
                full = isinstance(error, OutOfMemoryError)
            if pause_s == FIRST_PAUSE_S:
                log.warning("store: lost, %d commands held", len(self._held))
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _judge(self, error: Exception, waited_s: float) -> None:
        """Raise what waiting cannot mend, or may not."""
        passing = isinstance(error, PASSING) and not isinstance(error, FINAL)
        # A store that was emptied, or replaced, has lost the functions too.
        if not passing and "unction not found" not in str(error):
            raise self._failed(f"refused: {error}") from error
        if waited_s > self._patience_s or self._ending.over:
            asked = " and the end was asked for" if self._ending.asked else ""
            raise self._failed(f"away for {waited_s:.0f} s{asked}: {error}") from error
        self.reconnects += 1

    def _failed(self, why: str) -> StoreError:
        self._ending.broken = True
        return StoreError(f"store: {len(self._held)} commands held, {why}")

    def _hang_up(self) -> None:
        if self._connection is not None:
            # Replies still on their way must never be read as those of the next command.
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None

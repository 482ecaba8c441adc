"""A screen for tests: a real WebSocket client that says what it wants and waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

__all__ = ["Screen"]

DEADLINE_S = 10.0


class Screen:
    """One connection, and what a control room keeps of it."""

    def __init__(self, port: int, cur: str | None = None, **options: Any) -> None:
        self._url = f"ws://127.0.0.1:{port}/ws"
        self._options = {"subprotocols": ["citywatch.v1"], "compression": None} | options
        self.cur = cur
        self.versions: list[tuple[str, int]] = []
        """What came as events, in order."""
        self.shown: dict[str, int] = {}
        """What is on the screen: snapshot and events."""
        self.got: list[dict[str, Any]] = []
        self.closed: int | None = None
        self._parts: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self.line: ClientConnection = await connect(self._url, **self._options)
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.line.close()
        await self._task

    async def say(self, **message: Any) -> None:
        await self.line.send(json.dumps(message))

    async def follow(self, **wish: Any) -> None:
        """Subscribe to the alerts, from where this screen is."""
        await self.say(t="sub", id=1, ch="alerts", at=self.cur, **wish)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until what was received fulfils a condition."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def next(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message of a kind with these fields."""

        def found() -> list[dict[str, Any]]:
            wanted = {"t": kind, **fields}
            return [m for m in self.got if wanted.items() <= m.items()]

        await self.until(found)
        return found()[0]

    async def end(self) -> int | None:
        """Wait until the hub closes the connection; return the code."""
        async with asyncio.timeout(DEADLINE_S):
            await self._task
        return self.closed

    async def _listen(self) -> None:
        try:
            async for text in self.line:
                self._take(json.loads(text))
                self._changed.set()
        except ConnectionClosed:
            pass
        self.closed = self.line.close_code
        self._changed.set()

    def _take(self, message: dict[str, Any]) -> None:
        self.got.append(message)
        match message:
            case {"t": "reset"}:
                self.cur = None
            case {"t": "snap", "part": part, "of": of, "items": items, "cur": cur}:
                self._parts = [*self._parts, *items] if part > 1 else items
                if part == of:
                    self.shown = {item["id"]: item["version"] for item in self._parts}
                    self.cur = cur
            case {"t": "ev", "a": alerts, "cur": cur}:
                for item in alerts:
                    self.versions.append((item["id"], item["version"]))
                    self.shown[item["id"]] = item["version"]
                self.cur = cur
            case {"t": "hb", "cur": str(cur)}:
                self.cur = cur

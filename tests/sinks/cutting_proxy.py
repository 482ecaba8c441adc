"""A line to the store that is cut now and then, before a request arrives or its reply does."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """Passes bytes on between a Unix socket and a store's, and cuts a share of the exchanges."""

    def __init__(self, path: Path, store: Path, share: float, seed: int) -> None:
        self.url = f"unix://{path}"
        self.cuts = 0
        self._rng = random.Random(seed)
        self._store, self._share = store, share
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._store))
            for source, target in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pass, args=(source, target), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self._rng.random() < self._share:
                    self.cuts += 1
                    # Part of it still gets through: a request may arrive halfway.
                    target.sendall(data[: self._rng.randrange(len(data))])
                    break
                target.sendall(data)
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # the other direction ends too
        source.close()

    def close(self) -> None:
        """Stop once the connections have ended."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

"""Write the versions of warnings to a file, one message per line: same feed, same bytes.

The measured latencies are left out: they are the one field two runs of a feed may differ in.
"""

from __future__ import annotations

import logging
from pathlib import Path

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.codec import encode_alert_line
from operators.events import Alert
from sinks.jsonl import AppendFile, keeps

__all__ = ["AlertFileSink"]

log = logging.getLogger(__name__)


class AlertFileSink(FixedPartitionedSink[Alert, int]):
    """A file of versions, in the order they come.

    Notes
    -----
    Exactly once: a snapshot is the offset on the disk, and a resumed flow cuts the file there. Of
    one that somebody has shortened meanwhile it goes on at the end.
    A flow that does not resume starts the file anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def list_parts(self) -> list[str]:
        """Return the one partition: one file keeps the order."""
        return ["alerts"]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's index."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _AlertPart:
        """Open the file where the snapshot was, or where it ends now."""
        told = resume_state or 0
        if not keeps(self._path):
            return _AlertPart(AppendFile(self._path, told))
        held = self._path.stat().st_size if self._path.exists() else 0
        if held < told:
            # Somebody has cleared it away, or turned it over: no reason to warn no more.
            log.warning(
                "%s: expected at least %d bytes, got %d: going on there", self._path, told, held
            )
        return _AlertPart(AppendFile(self._path, min(told, held)))


class _AlertPart(StatefulSinkPartition[Alert, int]):
    def __init__(self, file: AppendFile) -> None:
        self._file = file

    def write_batch(self, values: list[Alert]) -> None:
        self._file.write([encode_alert_line(alert) for alert in values])

    def snapshot(self) -> int:
        return self._file.sync()

    def close(self) -> None:
        self._file.sync()
        self._file.close()

"""A path of readings that has watched its city for a day, without the day."""

from __future__ import annotations

import zlib

import numpy as np

from benchmarks.rig import values
from operators.events import Readings
from operators.ordering import RowBatch
from operators.reading_path import ReadingPath

__all__ = ["warm"]

WARM_READINGS = 160
WARM_MS = 600_000
WHOLE = 3
"""So many at the end go all the way: enough for windows to close."""


def warm(path: ReadingPath, until_ms: int) -> None:
    """Let every sensor show ordinary readings for a day, so that it is judged from the first on.

    The first and the last of them go all the way, so that all that is kept of sensors is there;
    the others only to the detectors, for a million sensors' sake. Windows have closed and snapshots
    been taken: memory that is new to the process is slow where it is first touched.
    """
    rng, shards = np.random.default_rng(2), len(path.shards)
    begun_ms = until_ms - WARM_READINGS * WARM_MS
    names = [sensor.id.encode() for sensor in path.registry.sensors]
    # As the client's own partitioner sends them; one that comes elsewhere would move there.
    home = np.array([zlib.crc32(name) % shards for name in names], np.intp)
    for number in range(WARM_READINGS):
        for start in range(0, len(names), 30_000):
            who = np.arange(start, min(len(names), start + 30_000))
            times = np.full(len(who), begun_ms + number * WARM_MS)
            rows = Readings(who, times, values(rng, who), home[who])
            if number == 0 or number >= WARM_READINGS - WHOLE:
                path.homes.note(who, rows.shard)
                path.clocks.hear(rows, np.zeros(len(who), np.int64))
                batch = path.order.pass_on(RowBatch(rows, times[:shards], times[:shards]))
                screened = path.faults.recognise(path.screen.score(batch))
                list(path.levels.evidence(rows))
                list(path.series.keep(screened))
                if number:  # else: the windows of a day of silence
                    list(path.windows.sum_up(screened, batch))
            else:
                local_s = path.registry.local_time.seconds(times)
                said = path.screen.bank.score_and_learn(who, local_s, rows.value)
                path.faults.bank.judge_and_learn(who, rows.value, said.expected, said.scale)
    snapshots = [path.take(shard) for shard in range(shards)]
    del snapshots  # all at once: as much memory as they take is known to the process then

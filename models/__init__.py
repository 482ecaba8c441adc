"""Online learners: numbers or text in, a score out; score first, learn after.

Every score that says how unusual something is, is a *surprisal*: -log10 of the calibrated chance
of something at least as unusual when nothing is wrong. 3 means one in a thousand. So scores of
different learners can be compared, added and thresholded alike. In warm-up it is None, or NaN in
columns, never 0.

===================== ========================================================= ==================
module                what it learns, and of whom                               face
===================== ========================================================= ==================
``record_of_peaks``   what a sensor has never done before; how far off it is    columns of a shard
``one_series``        what one series has never done before                     River's
``one_event``         how far one series is off                                 River's
``calibration``       how rare a score is among all of its kind                 columns of a shard
``sensor_faults``     which sensors lie, and how                                columns of a shard
``faulty_series``     the same, for one series                                  River's
``clock_skew``        whose clock is off                                        columns of a shard
``level_forecast``    when an official level will be crossed, how surely        columns of a shard
``upstream_forecast`` the same, with what others along the river have seen      columns of a shard
``pooled_forecast``   how likely a level is exceeded in hours, of a kind        columns of a shard
``half_space``        which parts of the city show an unusual mixture of signs  River's, for dicts
``report_text``       which hazard a report is about                            River's, for text
``count_burst``       which place is reported more often than usual             a report at a time
``confirmation``      how likely people are to confirm a warning                River's, for dicts
``reliability``       how far each source is to be believed                     a verdict at a time
===================== ========================================================= ==================

``peaks`` is the arithmetic behind the first, ``season`` what it expects and ``rules`` its numbers.
``tails`` turns sizes into surprisals, ``row_bank`` keeps the state of a shard's sensors and
``pool_memory`` the last hours of a kind, ``weather`` those of the air, ``newton`` learns weights an
example at a time, ``compiled`` makes loops over readings fast, ``gradual`` a change slow,
``report_words`` is the vocabulary triage starts from, ``count_tail`` the tail that ``count_burst``
judges by, ``count_calendar`` what comes back there, ``densest_place`` the place that most points
are at, ``magnitude`` how many times its usual size a value is. ``repetition``, ``leaps``,
``reversals``, ``unit_factors`` and ``disagreement`` are the signs that ``sensor_faults`` goes by.

Laws they all obey (``tests/laws/detector_laws.py``): scoring changes nothing; a snapshot goes on as
the original; the same rows give the same scores however they are split into calls; memory is
bounded; values that are not finite teach nothing; a flat series never surprises. They import numpy,
scipy, numba and river, and nothing of ours: no events, no clock, no files.
"""

from models.clock_skew import ClockBank
from models.count_burst import CountBurst
from models.faulty_series import FaultySeries
from models.half_space import CellModel
from models.level_forecast import LevelForecast
from models.one_event import EventOfLate
from models.one_series import RecordOfPeaks
from models.pooled_forecast import PooledForecast
from models.record_of_peaks import SensorBank
from models.report_text import ReportText
from models.sensor_faults import FaultBank

__all__ = [
    "CellModel",
    "ClockBank",
    "CountBurst",
    "EventOfLate",
    "FaultBank",
    "FaultySeries",
    "LevelForecast",
    "PooledForecast",
    "RecordOfPeaks",
    "ReportText",
    "SensorBank",
]

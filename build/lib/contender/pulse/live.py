"""Gauges of live predictions: traffic and labels against former weeks, and the champion's loss against its holdout's.

The loss is compared like two independent means: it exceeds the holdout's by more than chance where the difference is
above half of its 95 % interval. Rows of one day are not independent, so the standard error of either mean is that of
a ratio estimator over whole days or blocks [1]_.

References
----------
.. [1] Cochran (1977), "Sampling Techniques", 3rd ed., section 2.11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, isfinite, sqrt
from statistics import median

from contender.predictions.live_metrics import NOTHING, LiveCounts, total
from contender.pulse.gauges import LABEL_RATIO, LIVE_LOSS_EXCESS, SHARE_SHIFT, TRAFFIC_RATIO
from contender.pulse.runs import Reading
from contender.pulse.shares import share_shift
from contender.stats.tails import student_quantile

LEAST_USUAL_REQUESTS = 20
"""In the same hour of former weeks: with fewer, an hour without any is nothing unusual."""
LEAST_USUAL_LABELS = 10
"""In the same day of former weeks."""
LEAST_LABELS = 100
"""Labelled predictions from which on the champion's loss says something."""
LEAST_GROUPS = 3
"""Days or blocks from which on their differences say how sure a mean is; else its single rows do."""
TWO_SIDED = 0.025
MOST_DEGREES = 1_000
"""Student's t with more is as good as normal, and takes longer."""


@dataclass(frozen=True)
class LiveSeen:
    """What was predicted.

    Attributes
    ----------
    requests : in the last hour; None where serving is younger than that.
    former_requests : in the same hour of former weeks, as far as there was a champion.
    labels : that arrived in the last day.
    former_labels : as `usual_labels` has it of the same day of former weeks.
    day : the champion's counts of the last day; None where it has served for less.
    days : its counts by day, those of its last week.
    holdout : counts of its holdout by block, as if it had been served; empty where its version has none.
    """

    requests: int | None = None
    former_requests: Sequence[int] = ()
    labels: int | None = None
    former_labels: Sequence[float] = ()
    day: LiveCounts | None = None
    days: Sequence[LiveCounts] = ()
    holdout: Sequence[LiveCounts] = field(default=())


def live_readings(seen: LiveSeen) -> Iterator[Reading]:
    """The gauges of live predictions."""
    yield TRAFFIC_RATIO.name, against_usual(seen.requests, seen.former_requests, least=LEAST_USUAL_REQUESTS)
    yield LABEL_RATIO.name, against_usual(seen.labels, seen.former_labels, least=LEAST_USUAL_LABELS)
    yield LIVE_LOSS_EXCESS.name, loss_excess(seen.days, seen.holdout)
    yield SHARE_SHIFT.name, share_shift(seen.day or NOTHING, seen.holdout)


def against_usual(count: int | None, former: Sequence[float], *, least: int) -> float | None:
    """A count relative to the median of former weeks; None where that is below `least` or unknown.

    Examples
    --------
    >>> against_usual(30, [60, 90, 50], least=20), against_usual(0, [60], least=20)
    (0.5, 0.0)
    >>> against_usual(30, [], least=20), against_usual(30, [5, 8], least=20), against_usual(None, [60], least=20)
    (None, None, None)
    """
    usual = median(former) if former else 0
    return None if count is None or usual < max(least, 1) else max(count, 0) / usual


def usual_labels(arrived: LiveCounts, rows: Mapping[int, tuple[int, int]]) -> float:
    """The labels that would arrive today if the predictions of each age got as many as on a former day.

    Labels that come days later follow the traffic of days ago, not that of today.

    Parameters
    ----------
    arrived : on the former day.
    rows : predictions that were of an age, in days, on the former day, and those that are today. Labels of an age that
        is not here, or had no predictions, count as they came.

    Examples
    --------
    >>> arrived = LiveCounts(labels=100, ages={3: 100})
    >>> usual_labels(arrived, {3: (1000, 250)}), usual_labels(arrived, {})
    (25.0, 100.0)
    """
    more = sum(arrived.ages.get(age, 0) * (now / then - 1.0) for age, (then, now) in rows.items() if then > 0)
    return float(arrived.labels + more)


def loss_excess(days: Sequence[LiveCounts], holdout: Sequence[LiveCounts]) -> float | None:
    """The live loss above the 95 % interval around the holdout's, in units of half that interval; at most 0 inside.

    None with fewer than 100 labelled predictions, or without a holdout to compare with.

    Examples
    --------
    >>> def day(loss: float) -> LiveCounts:
    ...     return LiveCounts(labels=50, loss_sum=50 * loss, loss_square_sum=50 * loss * loss)
    >>> holdout = [day(loss) for loss in (0.28, 0.30, 0.32)]
    >>> loss_excess([day(0.30)] * 7, holdout), round(loss_excess([day(0.40)] * 7, holdout), 2)
    (-1.0, 1.01)
    >>> loss_excess([day(0.40)], holdout) is None
    True
    """
    if total(days).labels < LEAST_LABELS:
        return None
    live, held = mean_and_half(days), mean_and_half(holdout)
    if live is None or held is None:
        return None
    half = hypot(live[1], held[1])
    excess = (live[0] - held[0] - half) / half if half > 0.0 else None
    return excess if excess is not None and isfinite(excess) else None


def mean_and_half(groups: Sequence[LiveCounts]) -> tuple[float, float] | None:
    """The mean loss of labelled rows, and half of its 95 % interval; None without labels or with one alone.

    Examples
    --------
    >>> groups = [LiveCounts(labels=10, loss_sum=loss) for loss in (1.0, 2.0, 3.0)]
    >>> mean, half = mean_and_half(groups)  # 0.2, and t(0.975, 2) = 4.303 of a standard error of 0.1 / sqrt(3)
    >>> round(mean, 3), round(half, 3)
    (0.2, 0.248)
    """
    used = [group for group in groups if group.labels > 0 and isfinite(group.loss_sum)]
    rows = sum(group.labels for group in used)
    if rows < 2:
        return None
    mean = sum(group.loss_sum for group in used) / rows
    n = len(used)
    if n >= LEAST_GROUPS:
        off = [group.loss_sum - mean * group.labels for group in used]
        squares = sum(each * each for each in off)
        error, degrees = sqrt(squares * n / (n - 1)) / rows, n - 1
    else:
        squares = max(sum(group.loss_square_sum for group in used) - rows * mean * mean, 0.0)
        error, degrees = sqrt(squares / (rows - 1) / rows), min(rows - 1, MOST_DEGREES)
    return mean, student_quantile(TWO_SIDED, degrees) * error

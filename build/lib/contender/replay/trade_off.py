"""What retraining gains against what it costs: the share of the gain that each policy keeps, and its retrains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contender.replay.hindsight import best_times
from contender.replay.loss_matrix import LossMatrix
from contender.replay.prequential import Difference

Floats = NDArray[np.float64]
PointKind = Literal["policy", "always", "never", "calendar", "hindsight"]


@dataclass(frozen=True)
class Prices:
    """What is paid: for a training of so many seconds, and (None: unknown) for one unit of loss in one row."""

    training_usd: Callable[[float], float]
    error_usd: float | None = None


@dataclass(frozen=True)
class Stretch:
    """The part of the history that counts.

    Attributes
    ----------
    weights : (models,) the rows of the matrix' batches, 0 for those that are not scored.
    counted : (models,) whose retrains count.
    never, always : the mean losses of never and of always retraining.
    """

    weights: Floats
    counted: NDArray[np.bool_]
    never: float
    always: float


@dataclass(frozen=True)
class Point:
    """One way to choose the retrain times.

    Attributes
    ----------
    retrains : after the first champion's training, which all have in common.
    each : of a calendar its number of batches; 0 of the others.
    loss : the mean over the scored batches, weighted by rows.
    kept : the share of the gain from never to always retraining; None where always retraining gains nothing.
    training_usd : of the retrains.
    saved_usd : the errors that never retraining makes and this does not, at their price, less the retrains' cost; None
        without a price.
    after : of hindsight the batches after which it retrains.
    interval : the 95 % CI of `kept` for simulated policies; None where it is unbounded or not computed.
    """

    name: str
    kind: PointKind
    retrains: int
    loss: float
    kept: float | None
    training_usd: float
    saved_usd: float | None = None
    each: int = 0
    after: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class TradeOff:
    """All ways side by side.

    Attributes
    ----------
    loss : its title.
    gain : what always retraining lowers the mean loss of never retraining by, with its interval.
    error_usd : the price of one unit of loss in one row; None: unknown.
    """

    loss: str
    rows: int
    gain: Difference
    points: tuple[Point, ...]
    error_usd: float | None = None

    def of(self, *kinds: PointKind) -> list[Point]:
        """The points of these kinds."""
        return [point for point in self.points if point.kind in kinds]

    def one(self, kind: PointKind) -> Point:
        """The first point of a kind."""
        return self.of(kind)[0]

    def calendar_with(self, retrains: int) -> Point:
        """The calendar whose number of retrains is nearest to this; of two the better one."""
        return min(self.of("calendar", "always"), key=lambda point: (abs(point.retrains - retrains), point.loss))


def kept_of(loss: float, *, never: float, always: float) -> float | None:
    """The share of the gain that a policy of this loss keeps; None where always retraining gains nothing.

    Examples
    --------
    >>> kept_of(0.45, never=0.5, always=0.4), kept_of(0.45, never=0.4, always=0.4)
    (0.5, None)
    """
    return round((never - loss) / (never - always), 12) if never > always else None


def calendar_points(matrix: LossMatrix, stretch: Stretch, prices: Prices) -> list[Point]:
    """Calendars of two batches and more, as long as one retrains at all."""
    last = len(matrix.positions) - 1
    return [
        _point(f"every {each}", "calendar", calendar(each, last), matrix, stretch, prices, each=each)
        for each in range(2, last + 1)
    ]


def hindsight_points(matrix: LossMatrix, stretch: Stretch, prices: Prices) -> list[Point]:
    """The best retrain times for each number of retrains, up to one after each batch but the last."""
    most = max(0, len(matrix.positions) - 2)
    return [
        _point("best in hindsight", "hindsight", best.after, matrix, stretch, prices)
        for best in best_times(matrix, stretch.weights, most)
    ]


def _point(
    name: str,
    kind: PointKind,
    after: Sequence[int],
    matrix: LossMatrix,
    stretch: Stretch,
    prices: Prices,
    *,
    each: int = 0,
) -> Point:
    trained = [batch for batch in after if matrix.trained[batch] and stretch.counted[batch]]
    loss = matrix.mean_loss(after, stretch.weights)
    usd = sum(prices.training_usd(float(matrix.seconds[batch])) for batch in trained)
    return Point(
        name,
        kind,
        len(trained),
        loss,
        kept_of(loss, never=stretch.never, always=stretch.always),
        usd,
        saved_usd(prices, rows=float(stretch.weights.sum()), lower=stretch.never - loss, training_usd=usd),
        each=each,
        after=tuple(matrix.names[batch] for batch in trained) if kind == "hindsight" else (),
    )


def saved_usd(prices: Prices, *, rows: float, lower: float, training_usd: float) -> float | None:
    """What a mean loss that is lower by `lower` than never retraining's saves, less the retrains' cost."""
    return None if prices.error_usd is None else prices.error_usd * rows * lower - training_usd


def calendar(each: int, last: int) -> list[int]:
    """The batches after which a calendar of so many batches retrains, counted from the first champion's.

    Examples
    --------
    >>> calendar(3, 10)
    [3, 6, 9]
    """
    return list(range(each, last + 1, each))

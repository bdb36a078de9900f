"""Labelled predictions as rows to learn from: which are taken, and which are left out and why.

Whoever can send labels can teach the model. So one caller has a limited share of the rows, and a caller whose labels
disagree with the model much more than those of the others is set aside until a person trusts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import floor, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.row_hashes import column_hashes
from contender.data.row_identities import Mask
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.live_policy import LivePolicy
from contender.table import Column, Table

ID, MADE_AT, RECEIVED_AT, LABEL = "prediction_id", "at", "received_at", "label"
CALLER, PREDICTION, PROBABILITY, LOSS = "caller", "prediction", "probability", "loss"
PROBABILITIES = "probabilities"
VERSION, VARIANT = "version", "variant"
FEATURE = "feature_"
"""Columns of feedback files (docs/prediction-log.md); times are epoch seconds, an unknown caller is none."""

NOBODY = "unknown"
FEWEST_ROWS = 30
"""With fewer labels, of a caller or of all others, nobody is set aside."""
FALSE_ALARM = 0.001
"""The chance that any caller of a batch is set aside although its labels are like the others'."""
DISAGREES = 1.5
"""A caller is set aside whose mean loss is shown to be more than this many times the others'."""
SHOWN_CALLERS = 3


@dataclass(frozen=True)
class FeedbackFormat:
    """Reads and writes files; see `contender.adapters.files.feedback_files`."""

    read_feedback: Callable[[bytes, PipelineConfig, Sequence[str] | None], Table]
    read_table: Callable[[bytes], Table]
    write_table: Callable[[Table], bytes]
    upload_bytes: Callable[[Table, PipelineConfig], bytes]


@dataclass(frozen=True)
class SuspiciousCaller:
    """A caller whose labels disagree with the model; losses are means, of a regression of absolute errors."""

    caller: str
    rows: int
    loss: float
    others_loss: float

    @property
    def sentence(self) -> str:
        """Figures first.

        >>> SuspiciousCaller("3fa4c2b19d07", 300, 2.1, 0.4).sentence
        'caller 3fa4c2b19d07, 300 rows: mean loss 2.1 vs. 0.4 of other callers'
        """
        return (
            f"caller {self.caller}, {self.rows:,} rows: mean loss {self.loss:.3g} vs. "
            f"{self.others_loss:.3g} of other callers"
        )


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """What becomes of labelled rows.

    Attributes
    ----------
    taken : (n,) rows that enter.
    callers : (n,) who labelled them.
    usable : (n,) rows that may enter, but for what their caller is.
    excluded : how many rows have an answer that decided their label.
    beyond_share : by caller, how many rows were more than its share.
    """

    taken: Mask
    callers: Column
    usable: Mask
    suspicious: tuple[SuspiciousCaller, ...]
    excluded: int
    beyond_share: Mapping[str, int]
    max_share: float

    @property
    def rows(self) -> int:
        """How many enter."""
        return int(self.taken.sum())

    def rows_of(self, caller: str) -> Mask:
        """(n,) the rows of a caller that might enter."""
        mask: Mask = self.usable & (self.callers == caller)
        return mask

    @property
    def set_aside(self) -> int:
        """How many rows suspicious callers have."""
        return sum(each.rows for each in self.suspicious)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with the sentence."""
        return {
            "taken": self.rows,
            "set_aside": self.set_aside,
            "suspicious": [asdict(each) for each in self.suspicious],
            "excluded": self.excluded,
            "beyond_share": dict(self.beyond_share),
            "said": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """Figures, then reasons."""
        return "; ".join([f"{self.rows:,} labelled predictions taken from feedback", *self._reasons()]) + "."

    def _reasons(self) -> Iterator[str]:
        if self.suspicious:
            yield f"{self.set_aside:,} set aside ({_listed([each.sentence for each in self.suspicious])})"
        if self.beyond_share:
            most = sorted(self.beyond_share, key=lambda caller: -self.beyond_share[caller])
            named = _listed([f"caller {caller}: {self.beyond_share[caller]:,}" for caller in most])
            yield (
                f"{sum(self.beyond_share.values()):,} left out as more than {self.max_share:.0%} of the rows from one "
                f"caller, live.max_caller_share ({named})"
            )
        if self.excluded:
            yield f"{self.excluded:,} excluded: the prediction decided the label (live.exclude_predicted, exclude_from)"


def _listed(names: Sequence[str]) -> str:
    more = f"; and {len(names) - SHOWN_CALLERS} more" if len(names) > SHOWN_CALLERS else ""
    return "; ".join(names[:SHOWN_CALLERS]) + more


def newest_labels(rows: Table) -> Table:
    """The rows with the newest label of each prediction, by when serving received it, in the order of the predictions.

    Examples
    --------
    >>> rows = Table({
    ...     ID: np.array(["a-0", "b-0", "a-0"], dtype=object), MADE_AT: np.array([2.0, 1.0, 2.0]),
    ...     RECEIVED_AT: np.array([9.0, 5.0, 7.0]), LABEL: np.array(["yes", "no", "no"], dtype=object)})
    >>> newest_labels(rows)[LABEL].tolist()
    ['no', 'yes']
    """
    ids = rows[ID].astype(str)
    by_age = np.lexsort((rows[RECEIVED_AT], ids))
    last = np.append(ids[by_age][1:] != ids[by_age][:-1], True)[: len(by_age)]
    kept = by_age[last]
    return rows.select_rows(kept[np.lexsort((ids[kept], rows[MADE_AT][kept]))])


def choose_rows(rows: Table, policy: LivePolicy) -> ChosenRows:
    """Which labelled rows become a dataset version.

    Parameters
    ----------
    rows : one for each prediction, with the columns of this module.
    """
    caller = np.array([each or NOBODY for each in rows[CALLER].tolist()], dtype=object)
    caused = decided_by_prediction(rows, policy)
    free = ~caused
    loss = np.sqrt(rows[LOSS]) if _is_regression(rows) else rows[LOSS]
    suspicious = suspicious_callers(caller[free], loss[free], trusted=policy.trusted_callers)
    usable = free & ~np.isin(caller, [each.caller for each in suspicious])
    within = _within_share(column_hashes(rows[ID]), caller, usable, policy.max_caller_share)
    beyond = Counter(caller[usable & ~within].tolist())
    return ChosenRows(within, caller, free, suspicious, int(caused.sum()), dict(beyond), policy.max_caller_share)


def decided_by_prediction(rows: Table, policy: LivePolicy) -> Mask:
    """(n,) rows on whose prediction somebody acted, by the pipeline file: their label says what was done."""
    caused = np.zeros(len(rows), dtype=np.bool_)
    if policy.exclude_predicted:
        caused |= np.isin(rows[PREDICTION].astype(str), policy.exclude_predicted)
    if policy.exclude_from is not None:
        values = rows[PREDICTION] if _is_regression(rows) else rows[PROBABILITY]
        caused |= values.astype(np.float64) >= policy.exclude_from
    return caused


def suspicious_callers(
    caller: Column, loss: NDArray[np.float64], *, trusted: Sequence[str] = ()
) -> tuple[SuspiciousCaller, ...]:
    """The callers whose labels disagree with the model much more than those of all others.

    Welch's interval for the difference of mean losses, one-sided, at `FALSE_ALARM` over all callers; the worst caller
    first, and without those that were found, so that two of them do not hide each other. A change that all callers see
    makes nobody suspicious, nor does a single caller.

    Examples
    --------
    >>> caller = np.array(["a"] * 200 + ["b"] * 100, dtype=object)
    >>> loss = np.array([0.1, 0.5] * 100 + [1.5, 2.5] * 50)
    >>> [each.caller for each in suspicious_callers(caller, loss)], suspicious_callers(caller, loss, trusted=["b"])
    (['b'], ())
    """
    known = np.isfinite(loss)
    names = sorted(set(caller[known].tolist()))
    if len(names) < 2:
        return ()
    z = NormalDist().inv_cdf(1.0 - FALSE_ALARM / len(names))
    means = {name: float(loss[known & (caller == name)].mean()) for name in names}
    found: list[SuspiciousCaller] = []
    rest = known.copy()
    for name in sorted(names, key=lambda each: -means[each]):
        mine = rest & (caller == name)
        others = rest & ~mine
        if name in trusted or min(int(mine.sum()), int(others.sum())) < FEWEST_ROWS:
            continue
        difference = means[name] - float(loss[others].mean())
        spread = sqrt(float(loss[mine].var(ddof=1)) / mine.sum() + float(loss[others].var(ddof=1)) / others.sum())
        others_loss = float(loss[others].mean())
        if difference - z * spread > (DISAGREES - 1.0) * others_loss:
            found.append(SuspiciousCaller(name, int(mine.sum()), means[name], others_loss))
            rest = others
    return tuple(found)


def most_rows_of_a_caller(counts: Sequence[int], share: float) -> int:
    """The most rows that one caller may have, so that nobody has more than a share of what is taken of all.

    Examples
    --------
    >>> most_rows_of_a_caller([1000, 10], 0.5), most_rows_of_a_caller([1000, 900, 10], 0.5)
    (10, 910)
    >>> most_rows_of_a_caller([1000], 0.5), most_rows_of_a_caller([1000], 1.0)
    (0, 1000)
    """
    if not 0.0 <= share <= 1.0:
        raise InvalidInputError(f"share must be between 0 and 1, but got {share}")
    ordered, rest = sorted(counts, reverse=True), sum(counts)
    for capped, count in enumerate(ordered):
        room = 1.0 - share * capped
        if room <= 0.0:  # so few share the rows that the others bind nobody
            return ordered[capped - 1]
        most = share * rest / room
        if count <= most:
            return floor(most) if capped else count
        rest -= count
    return floor(share * rest / (1.0 - share * len(ordered))) if share * len(ordered) < 1.0 else ordered[-1]


def _within_share(drawn: NDArray[np.uint64], caller: Column, usable: Mask, share: float) -> Mask:
    """(n,) the usable rows that stay; of a caller with too many, those that a hash of their ids draws."""
    counts = Counter(caller[usable].tolist())
    most = most_rows_of_a_caller(list(counts.values()), share) if counts else 0
    kept = usable.copy()
    for name, count in counts.items():
        if count > most:
            mine = np.flatnonzero(usable & (caller == name))
            kept[mine[np.argsort(drawn[mine], kind="stable")[most:]]] = False
    return kept


def as_upload(rows: Table, config: PipelineConfig) -> Table:
    """Labelled rows with the columns of an upload: features, target, the prediction's id as the row's, its time.

    Parameters
    ----------
    config : with a `row_id`; see `config_of_feedback`.
    """
    columns: dict[str, Column] = {name: rows[FEATURE + name] for name in config.features}
    columns |= {config.row_id: rows[ID], config.target: rows[LABEL]}
    if config.time and config.time not in columns:
        columns[config.time] = rows[MADE_AT]
    return Table(columns)


def _is_regression(rows: Table) -> bool:
    return rows[LABEL].dtype.kind == "f"

"""Has the world changed? Two profiles in, a verdict out: surely, far enough to matter, and within the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import sqrt
from typing import Any, Literal

import numpy as np

from contender.block_null import BlockColumn, BlockRanks, Exchanged, exchange_blocks, rank_blocks
from contender.distances import (
    ks_distance,
    ks_distance_error,
    mean,
    spread,
    total_variation,
    wasserstein_distance,
    wasserstein_distance_error,
)
from contender.drift_policy import DriftPolicy
from contender.drift_words import categorical_direction, display_name, loss_direction, numeric_direction, reason_of
from contender.errors import InvalidInputError
from contender.evidence import DAYS_PER_YEAR, Evidence, Surprise, e_value, threshold_days, weigh
from contender.grid import CategoricalGrid, Floats, Grid, Integers, NumericGrid, Role
from contender.joint import JointDrift
from contender.profile import Blocks, Counts, Profile
from contender.two_sample import (
    Outcome,
    holm_adjusted,
    ks_p_value,
    levels_test,
    mean_rise_test,
    two_cells_test,
    visible_ks_distance,
    visible_mean_rise,
    visible_share,
)
from contender.units import Units, in_units

Verdict = Literal["drifted", "stable", "too few rows"]
Aspect = Literal["values", "missing"]
Null = Literal["blocks", "rows"]

MIN_GROUP_BLOCKS = 5
"""Predictions and losses are known of the holdout only; with fewer blocks of them, nothing is ranked."""


@dataclass(frozen=True)
class FeatureDrift:
    """What one column's values, or its share of missing values, did.

    Attributes
    ----------
    feature, role, aspect : what was tested: its values, or its share of missing values.
    test : "block exchange"; or where rows are independent "ks", "chi2" (with "+unseen" where an exact test of unseen
        levels joined it), "fisher", or for a loss "welch".
    reference_rows, current_rows : rows that took part.
    effect, distance : the effect's name and size: "ks distance", "total variation", "missing rate difference", or for
        a loss "relative rise", negative where it fell.
    distance_error : the distance on the raw values is larger by at most this; 0 when the grid is exact.
    wasserstein, wasserstein_scaled : how far values moved on average, in the feature's own units and in the
        reference's standard deviations, values clipped to the reference's 0.1 % to 99.9 % range; None for
        categories.
    wasserstein_error : the distance on the raw values is larger or smaller by at most this.
    p_value, adjusted_p_value : of the test alone, and corrected for all tests of the report.
    effect_floor : the distance that counts.
    significant : whether the adjusted p-value is at most alpha.
    drifted : significant, and the distance reaches the floor.
    direction : what changed, in words.
    smallest_visible_effect : a distance that is always significant with these numbers of rows and tests
        (among categories, a distance between cells that the test did not have to pool); with block ranks, one that
        makes the newest block the most unusual of all.
    """

    feature: str
    role: Role
    aspect: Aspect
    reference_rows: int
    current_rows: int
    effect: str
    distance: float
    effect_floor: float
    direction: str
    test: str = ""
    p_value: float = 1.0
    smallest_visible_effect: float = 1.0
    distance_error: float = 0.0
    wasserstein: float | None = None
    wasserstein_scaled: float | None = None
    wasserstein_error: float | None = None
    adjusted_p_value: float = 1.0
    significant: bool = False
    drifted: bool = False


@dataclass(frozen=True)
class EvidenceOverTime:
    """What has added up since the champion was trained, or since it last led to a retrain.

    Attributes
    ----------
    level : in days: chance alone would take at least so long, on average, to show as much.
    threshold : the level that starts a retrain, from `false_retrains_per_year`.
    since : the block or batch with which the change seems to have begun; empty when nothing was seen.
    strongest : what carries most of it: a feature with the way it moved, "loss up", or "joint".
    path : each block or batch since the champion was trained with the level after it.
    """

    level: float
    threshold: float
    false_retrains_per_year: float
    since: str
    strongest: str
    path: tuple[tuple[str, float], ...]

    @property
    def reached(self) -> bool:
        return self.level >= self.threshold


@dataclass(frozen=True)
class DriftReport:
    """What a drift check found.

    Attributes
    ----------
    verdict : "drifted", "stable", or "too few rows", which is no statement about the world.
    reason : a few sentences with the figures.
    null : what was taken as alike: whole "blocks", or single "rows".
    p_value : of this batch alone, over all tests of features and labels: the chance of any so unusual.
    tests : how many tests were corrected for.
    features : every test made, the strongest evidence first.
    joint : what the domain classifier found; None where it was not asked.
    joint_drifted : whether features go together differently, surely and far enough.
    evidence : what adds up over time; None with too few rows.
    not_checked : why each feature was left out that could not be tested.
    """

    verdict: Verdict
    reason: str
    null: Null
    alpha: float
    min_rows: int
    reference_rows: int
    current_rows: int
    p_value: float
    tests: int
    features: tuple[FeatureDrift, ...]
    joint: JointDrift | None
    joint_drifted: bool
    evidence: EvidenceOverTime | None
    not_checked: Mapping[str, str]

    @property
    def drifted(self) -> bool:
        return self.verdict == "drifted"

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Names of the features that drifted, each once, the strongest evidence first."""
        return tuple(dict.fromkeys(found.feature for found in self.features if found.drifted))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        joint = self.joint.to_dict() if self.joint else None
        plain = asdict(replace(self, joint=None))
        return {**plain, "joint": joint, "drifted": self.drifted, "drifted_features": list(self.drifted_features)}


def detect_drift(
    reference: Profile,
    current: Profile,
    policy: DriftPolicy | None = None,
    *,
    earlier: Sequence[Profile] = (),
    answered: int | None = None,
    days_per_block: float = 1.0,
    joint: JointDrift | None = None,
) -> DriftReport:
    """Compare a batch with the reference, and add it to what was seen since.

    *Is it unusual?* Where both profiles have blocks, the batch's blocks are compared with all known ones
    (`rank_blocks`, `exchange_blocks`); where rows are independent, numbers are tested by Kolmogorov-Smirnov, categories
    by chi-square joined by Fisher's exact test of unseen levels, and missing rates by the same on two cells. Tests are
    corrected for their number (Holm).

    *Has it lasted?* Every block (or batch) is a look, and the looks since the champion was trained are weighed
    together (`weigh`). The verdict is "drifted" when the evidence reaches what `false_retrains_per_year` asks for in a
    look that no retrain has answered yet, and something has moved as far as its floor. One batch may be overwhelming
    on its own.

    Predictions, losses and labels are checked like features where both profiles have them.

    Parameters
    ----------
    earlier : the batches since the champion was trained, oldest first.
    answered : how many of them were trained on by now, whether or not their challenger won; None is all of them.
    days_per_block : the time from one block to the next.
    joint : the domain classifier's answer about this batch.

    Raises
    ------
    InvalidInputError
        When the profiles are not on one grid.

    Examples
    --------
    >>> import numpy as np
    >>> from contender.profile import count, fit_profile
    >>> from contender.table import Table
    >>> summer, winter = np.linspace(60.0, 90.0, 500), np.linspace(20.0, 50.0, 500)
    >>> reference = fit_profile(Table({"temp": summer}), numeric=["temp"])
    >>> report = detect_drift(reference, count(reference.grid, Table({"temp": winter})))
    >>> report.verdict, report.features[0].distance
    ('drifted', 1.0)
    """
    check = _Check(
        policy or DriftPolicy(),
        reference,
        (*earlier, current),
        len(earlier) if answered is None else answered,
        days_per_block,
        joint,
    )
    check.refuse_other_grids()
    if min(reference.rows, current.rows) < check.policy.min_rows:
        return check.report("too few rows", check.measured(), 1.0, None)
    return check.by_blocks() if check.null == "blocks" else check.by_rows()


@dataclass(frozen=True)
class _Plan:
    """One test to make."""

    grid: Grid
    aspect: Aspect

    @property
    def group(self) -> str:
        """Predictions and losses are known of other blocks than features and labels are."""
        return {"prediction": "predictions", "loss": "loss"}.get(self.grid.role, "features")

    @property
    def name(self) -> str:
        name = display_name(self.grid.name)
        return f"{name} (missing)" if self.aspect == "missing" else name


@dataclass(frozen=True)
class _Check:
    """One drift check: what `detect_drift` was given, and what follows from it."""

    policy: DriftPolicy
    reference: Profile
    batches: tuple[Profile, ...]
    answered: int
    days_per_block: float
    joint: JointDrift | None

    @property
    def current(self) -> Profile:
        return self.batches[-1]

    @property
    def threshold(self) -> float:
        return threshold_days(self.policy.false_retrains_per_year)

    @cached_property
    def null(self) -> Null:
        if self.policy.null == "rows":
            return "rows"
        have_blocks = all(len(profile.blocks) for profile in (self.reference, *self.batches))
        enough = len(self.reference.blocks) >= (self.policy.min_blocks if self.policy.null == "auto" else 1)
        return "blocks" if have_blocks and enough else "rows"

    def refuse_other_grids(self) -> None:
        for profile in self.batches:
            if profile.grid != self.reference.grid:
                raise InvalidInputError(
                    f"current must be counted on the reference's grid {self.reference.grid.sha256[:12]}, but got "
                    f"{profile.grid.sha256[:12]}; use count(reference.grid, table)"
                )

    @cached_property
    def not_checked(self) -> dict[str, str]:
        reasons = {grid.name: self._cannot_check(grid, self.current) for grid in self.reference.grid.columns}
        return {display_name(name): reason for name, reason in reasons.items() if reason}

    def plans(self, batch: Profile) -> list[_Plan]:
        """The tests to make of a batch: of values, and of missing values where there are any."""
        plans = []
        for grid in self.reference.grid.columns:
            both = self.reference.counts.keys() & batch.counts.keys()
            if grid.name in self.policy.ignore or grid.name not in both:
                continue
            if not self._cannot_check(grid, batch):
                plans.append(_Plan(grid, "values"))
            missing = self.reference.counts[grid.name].missing + batch.counts[grid.name].missing
            # Where neither side misses anything there is nothing to test: no other outcome was possible.
            if missing and grid.role == "feature" and self.reference.rows and batch.rows:
                plans.append(_Plan(grid, "missing"))
        return plans

    def _cannot_check(self, grid: Grid, batch: Profile) -> str:
        """Why a column's values cannot be tested; empty when they can."""
        if grid.name in self.policy.ignore:
            return "ignored by the policy"
        for place, profile in (("the reference", self.reference), ("the batch", batch)):
            if grid.name not in profile.counts:
                return f"not given in {place}"
            present = profile.counts[grid.name].present
            if present == 0:
                return f"no values in {place}"
            if present < self.policy.min_rows <= profile.rows:
                return f"only {present:,} values in {place}, fewer than the {self.policy.min_rows:,} asked for"
        return ""

    def measured(self, window: Profile | None = None) -> list[FeatureDrift]:
        """How far each column is from the reference, before any test."""
        after = (window or self.current).counts
        return [
            measure(plan.grid, plan.aspect, self.reference.counts[plan.grid.name], after[plan.grid.name], self.policy)
            for plan in self.plans(self.current)
        ]

    def by_rows(self) -> DriftReport:
        """Rows are independent: each batch is one look, tested against all rows known before it."""
        tested = self._tested(self.reference, self.current)
        p_values, pool = [], without_blocks(self.reference)
        for batch in self.batches:
            tests = tested if pool.rows == self.reference.rows and batch is self.current else self._tested(pool, batch)
            p_values.append(min((test.adjusted_p_value for test in tests), default=1.0))
            pool = _pooled_rows(pool, without_blocks(batch))
        days = [DAYS_PER_YEAR / self.policy.batches_per_year] * len(self.batches)
        evidence = weigh(days, {"features": [Surprise(p) for p in p_values]}, threshold=self.threshold)
        labels = [f"batch {number}" for number in range(1, len(self.batches) + 1)]
        return self.conclude(tested, evidence, labels, list(range(len(self.batches))), p_values[-1])

    def _tested(self, reference: Profile, batch: Profile) -> list[FeatureDrift]:
        plans = self.plans(batch)
        found = []
        for plan in plans:
            before, after = reference.counts[plan.grid.name], batch.counts[plan.grid.name]
            outcome, visible = row_test(plan.grid, plan.aspect, before, after, level=self.policy.alpha / len(plans))
            measured = measure(plan.grid, plan.aspect, before, after, self.policy)
            found.append(replace(measured, test=outcome.name, p_value=outcome.p_value, smallest_visible_effect=visible))
        return holm(found)

    def by_blocks(self) -> DriftReport:
        """Blocks are alike: each block is one look, ranked among all blocks known before it."""
        plans = self.plans(self.current)
        units = in_units(self.reference, self.batches, list(dict.fromkeys(plan.grid.name for plan in plans)))
        ranked = _ranked(units, plans, self.policy)
        new = len(units.labels) - units.known
        if not ranked or new == 0:
            return self.report("too few rows", self.measured(), 1.0, None)
        streams = {name: stream for ranks in ranked.values() for name, stream in ranks.streams().items()}
        evidence = weigh([self.days_per_block] * new, streams, threshold=self.threshold)
        labels, batch = units.labels[units.known :], units.batch[units.known :].tolist()
        alarm = self._open_alarm(evidence, batch)
        # What has lasted is judged over its whole time, what has not by what came last.
        newest = slice(batch.index(batch[-1]), None)
        lasted = newest if alarm is None else slice(evidence.since[alarm], None)
        window = self.current if alarm is None else _window(self.batches[batch[lasted.start] :])
        found = []
        exchanged = {group: ranks.exchanged(lasted) for group, ranks in ranked.items()}
        for plan, measured in zip(plans, self.measured(window), strict=True):
            ranks = ranked.get(plan.group)
            found.append(ranks.judged(measured, plan, exchanged[plan.group]) if ranks else measured)
        p_value = ranked["features"].exchanged(newest).p_value if "features" in ranked else 1.0
        return self.conclude(holm(found), evidence, labels, batch, p_value)

    def _open_alarm(self, evidence: Evidence, batch: Sequence[int]) -> int | None:
        """The newest alarm that no retrain has answered."""
        return next((look for look in reversed(evidence.alarms) if batch[look] >= self.answered), None)

    def conclude(
        self,
        found: Sequence[FeatureDrift],
        evidence: Evidence,
        labels: Sequence[str],
        batch: Sequence[int],
        p_value: float,
    ) -> DriftReport:
        """The verdict: evidence that suffices, of something that moved far enough."""
        alarm = self._open_alarm(evidence, batch)
        look = len(evidence.levels) - 1 if alarm is None else alarm
        level, strongest = evidence.levels[look], evidence.strongest[look]
        features = _judged(found, self.policy)
        joint_level = self._joint_level(sum(1 for number in batch if number == batch[-1]))
        joint_drifted = joint_level >= self.threshold
        if joint_level > level:
            level, strongest = joint_level, "joint"
        verdict: Verdict = "stable"
        if joint_drifted or (alarm is not None and any(test.drifted for test in features)):
            verdict = "drifted"
        over_time = EvidenceOverTime(
            level=level,
            threshold=self.threshold,
            false_retrains_per_year=self.policy.false_retrains_per_year,
            since=labels[evidence.since[look]] if level > 2.0 * self.days_per_block else "",
            strongest=strongest,
            path=tuple(zip(labels, evidence.levels, strict=True)),
        )
        return self.report(verdict, features, p_value, over_time, joint_drifted=joint_drifted)

    def _joint_level(self, looks: int) -> float:
        """What a bet on this batch's domain classifier alone has won, in days; its bets are not played on, because its
        answers about one reference are not independent of each other."""
        joint = self.joint
        if joint is None or joint.p_value is None or joint.auc is None or joint.auc < self.policy.min_effect_joint:
            return 0.0
        by_blocks = self.null == "blocks"
        days = self.days_per_block * looks if by_blocks else DAYS_PER_YEAR / self.policy.batches_per_year
        return days * e_value(joint.p_value)

    def report(
        self,
        verdict: Verdict,
        features: Sequence[FeatureDrift],
        p_value: float,
        evidence: EvidenceOverTime | None,
        *,
        joint_drifted: bool = False,
    ) -> DriftReport:
        report = DriftReport(
            verdict=verdict,
            reason="",
            null=self.null,
            alpha=self.policy.alpha,
            min_rows=self.policy.min_rows,
            reference_rows=self.reference.rows,
            current_rows=self.current.rows,
            p_value=p_value,
            tests=len(features),
            features=tuple(features),
            joint=self.joint,
            joint_drifted=joint_drifted,
            evidence=evidence,
            not_checked=self.not_checked,
        )
        return replace(report, reason=reason_of(report))


@dataclass(frozen=True)
class _GroupRanks:
    """The ranks of new units, over the columns that are known of the same units.

    `place` has each new unit's number among those that have values, or -1.
    """

    plans: tuple[_Plan, ...]
    columns: tuple[BlockColumn, ...]
    ranks: BlockRanks
    place: Integers

    def streams(self) -> dict[str, list[Surprise | None]]:
        """What to bet on: that a column is far from the others; that it is higher, or lower, day after day."""
        streams = {}
        for column, plan in enumerate(self.plans):
            for words, p_values in self._aspects(column).items():
                streams[f"{plan.name} {words}".strip()] = [
                    None if place < 0 else Surprise(float(p_values[place]), int(self.ranks.units[place]))
                    for place in self.place.tolist()
                ]
        return streams

    def _aspects(self, column: int) -> dict[str, Floats]:
        plan, ranks = self.plans[column], self.ranks
        if plan.grid.role == "loss":
            return {"up": ranks.up[:, column]}
        aspects = {"": ranks.distance[:, column]}
        if plan.aspect == "values" and isinstance(plan.grid, NumericGrid):
            aspects |= {"up": ranks.up[:, column], "down": ranks.down[:, column]}
        return aspects

    def exchanged(self, units: slice) -> Exchanged:
        """How unusual these units are together, among all up to the newest."""
        return exchange_blocks(self.columns, window=max(1, int(np.count_nonzero(self.place[units] >= 0))))

    def judged(self, measured: FeatureDrift, plan: _Plan, found: Exchanged) -> FeatureDrift:
        column = self.plans.index(plan)
        return replace(
            measured,
            test="block exchange",
            p_value=float(found.of_columns[column]),
            smallest_visible_effect=float(self.ranks.visible[column]),
        )


def _ranked(units: Units, plans: Sequence[_Plan], policy: DriftPolicy) -> dict[str, _GroupRanks]:
    """Rank the new units among those that have values, where there are enough of these in the reference."""
    ranked = {}
    for group in dict.fromkeys(plan.group for plan in plans):
        members = tuple(plan for plan in plans if plan.group == group)
        has_values = np.any([units.counts[plan.grid.name][:, :-1].any(axis=1) for plan in members], axis=0)
        known = int(np.count_nonzero(has_values[: units.known]))
        if known >= MIN_GROUP_BLOCKS:
            columns = tuple(_block_column(plan, units.counts[plan.grid.name][has_values], policy) for plan in members)
            place = np.where(has_values, np.cumsum(has_values) - 1 - known, -1)[units.known :]
            ranked[group] = _GroupRanks(members, columns, rank_blocks(columns, known=known), place)
    return ranked


def _block_column(plan: _Plan, counts: Integers, policy: DriftPolicy) -> BlockColumn:
    cells, missing = counts[:, :-1], counts[:, -1:]
    if plan.aspect == "missing":
        both = np.concatenate((cells.sum(axis=1, keepdims=True), missing), axis=1)
        return BlockColumn(both, "unordered", policy.min_effect_missing)
    if isinstance(plan.grid, CategoricalGrid):
        return BlockColumn(cells, "unordered", policy.floor_of(plan.grid))
    if plan.grid.role == "loss":
        return BlockColumn(cells, "valued", 0.0, plan.grid.block_values)
    return BlockColumn(cells, "ordered", policy.floor_of(plan.grid))


def holm(found: Sequence[FeatureDrift]) -> list[FeatureDrift]:
    """The tests with their p-values corrected for their number."""
    adjusted = holm_adjusted(np.array([test.p_value for test in found], dtype=np.float64)).tolist()
    return [replace(test, adjusted_p_value=p_value) for test, p_value in zip(found, adjusted, strict=True)]


def _judged(found: Sequence[FeatureDrift], policy: DriftPolicy) -> tuple[FeatureDrift, ...]:
    """The tests with their flags, the strongest evidence first."""
    judged = []
    for test in found:
        significant = test.adjusted_p_value <= policy.alpha
        judged.append(
            replace(test, significant=significant, drifted=significant and test.distance >= test.effect_floor)
        )
    judged.sort(key=lambda test: (not test.drifted, not test.significant, -test.distance, test.feature, test.aspect))
    return tuple(judged)


def _window(batches: Sequence[Profile]) -> Profile:
    """Several batches as one, without blocks."""
    window = without_blocks(batches[-1])
    for batch in batches[:-1]:
        window = _pooled_rows(window, without_blocks(batch))
    return window


def without_blocks(profile: Profile) -> Profile:
    return replace(profile, blocks=Blocks())


def _pooled_rows(first: Profile, second: Profile) -> Profile:
    """Both together, where a column that the second lacks stays the first's."""
    merged = {
        name: counts.merge(second.counts[name]) if name in second.counts else counts
        for name, counts in first.counts.items()
    }
    return Profile(first.grid, first.rows + second.rows, merged)


def measure(grid: Grid, aspect: Aspect, before: Counts, after: Counts, policy: DriftPolicy) -> FeatureDrift:
    """How far one column has moved, and where."""
    rows = (before.rows, after.rows) if aspect == "missing" else (before.present, after.present)
    base = FeatureDrift(display_name(grid.name), grid.role, aspect, *rows, "", 0.0, 0.0, "")
    if aspect == "missing":
        rates = before.missing / max(before.rows, 1), after.missing / max(after.rows, 1)
        return replace(
            base,
            effect="missing rate difference",
            distance=abs(rates[1] - rates[0]),
            effect_floor=policy.min_effect_missing,
            direction=f"missing values went from {rates[0]:.1%} to {rates[1]:.1%} of the rows",
        )
    if isinstance(grid, CategoricalGrid):
        return replace(
            base,
            effect="total variation",
            distance=total_variation(before, after),
            effect_floor=policy.floor_of(grid),
            direction=categorical_direction(grid, before, after),
        )
    if grid.role == "loss":
        means = mean(grid, before), mean(grid, after)
        return replace(
            base,
            effect="relative rise",
            distance=_relative_rise(*means),
            effect_floor=policy.min_effect_loss,
            direction=loss_direction(*means),
        )
    return _measured_numbers(base, grid, before, after, policy)


def _measured_numbers(
    base: FeatureDrift, grid: NumericGrid, before: Counts, after: Counts, policy: DriftPolicy
) -> FeatureDrift:
    moved, deviation = wasserstein_distance(grid, before, after), spread(grid, before)
    return replace(
        base,
        effect="ks distance",
        distance=ks_distance(before, after),
        distance_error=ks_distance_error(grid, before, after),
        wasserstein=moved,
        wasserstein_error=wasserstein_distance_error(grid, before, after),
        wasserstein_scaled=moved / deviation if moved is not None and deviation else None,
        effect_floor=policy.floor_of(grid),
        direction=numeric_direction(grid, before, after),
    )


def _relative_rise(before: float, after: float) -> float:
    return (after - before) / before if before > 0.0 else after - before


def row_test(grid: Grid, aspect: Aspect, before: Counts, after: Counts, *, level: float) -> tuple[Outcome, float]:
    """One test for independent rows, and the smallest effect that it is sure to see at this level."""
    if aspect == "missing":
        cells = np.array([before.present, before.missing]), np.array([after.present, after.missing])
        return two_cells_test(*cells), visible_share(before.rows, after.rows, 1, level)
    if isinstance(grid, CategoricalGrid):
        outcome = levels_test(grid, before, after)
        return outcome, visible_share(before.present, after.present, outcome.freedom, level)
    if grid.role == "loss":
        start, end = mean(grid, before), mean(grid, after)
        deviations = (
            (spread(grid, before) or 0.0) ** 2 / before.present,
            (spread(grid, after) or 0.0) ** 2 / after.present,
        )
        error = sqrt(sum(deviations))
        visible = visible_mean_rise(error, level)
        return mean_rise_test(end - start, error), visible / start if start > 0.0 else visible
    distance = ks_distance(before, after)
    outcome = Outcome("ks", ks_p_value(distance, before.present, after.present))
    return outcome, visible_ks_distance(before.present, after.present, level)

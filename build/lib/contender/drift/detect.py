"""Detects drift from two profiles: significant, large enough, and within the false retrain budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from contender.drift.block_tests import GroupRanks, Plan, rank_groups
from contender.drift.blocks import in_units
from contender.drift.feature_tests import judged, measure, row_test
from contender.drift.joint.detect import JointDrift
from contender.drift.profiles.counts import Blocks
from contender.drift.profiles.grid import Grid
from contender.drift.profiles.profile import Profile
from contender.drift.report import DriftReport, EvidenceOverTime, FeatureDrift, Null, Verdict
from contender.drift.sequential_evidence import DAYS_PER_YEAR, Evidence, Surprise, e_value, threshold_days, weigh
from contender.drift.two_sample import Outcome
from contender.drift.wording import display_name, reason_of
from contender.errors import InvalidInputError
from contender.pipeline.drift_policy import DriftPolicy
from contender.stats.multiple_testing import holm_adjusted

__all__ = ["DriftReport", "EvidenceOverTime", "FeatureDrift", "detect_drift"]


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
    """Compare a batch with the reference, and add it to the evidence since then.

    *Is it unusual?* Where both profiles have blocks, the batch's blocks are compared with all known ones
    (`rank_blocks`, `exchange_blocks`); where rows are independent, numbers are tested by Kolmogorov-Smirnov, categories
    by chi-square joined by Fisher's exact test of unseen levels, and missing rates by the same on two cells. Tests are
    corrected for their number: exchanged blocks by the largest distance of any column, the others by Holm.

    *Has it lasted?* Every block (or batch) is a look, and the looks since the champion was trained are weighed
    together (`weigh`). The verdict is "drifted" when the evidence reaches the threshold of `false_retrains_per_year`
    in a look that has not led to a retrain yet, and some change reaches its minimum effect. One batch may suffice.

    Predictions, losses and labels are checked like features where both profiles have them.

    Parameters
    ----------
    earlier : the batches since the champion was trained, oldest first.
    answered : how many of them a challenger was trained on, whether or not it won; None is all of them.
    days_per_block : the time from one block to the next.
    joint : the domain classifier's result on this batch.

    Raises
    ------
    InvalidInputError
        When the profiles are not on one grid.

    Examples
    --------
    >>> import numpy as np
    >>> from contender.drift.profiles.counting import count_profile, fit_profile
    >>> from contender.table import Table
    >>> summer, winter = np.linspace(60.0, 90.0, 500), np.linspace(20.0, 50.0, 500)
    >>> reference = fit_profile(Table({"temp": summer}), numeric=["temp"])
    >>> report = detect_drift(reference, count_profile(reference.grid, Table({"temp": winter})))
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
class _Check:
    """One drift check: the input of `detect_drift`, and its steps."""

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
                    f"{profile.grid.sha256[:12]}; use count_profile(reference.grid, table)"
                )

    @cached_property
    def not_checked(self) -> dict[str, str]:
        reasons = {grid.name: self._cannot_check(grid, self.current) for grid in self.reference.grid.columns}
        return {display_name(name): reason for name, reason in reasons.items() if reason}

    def plans(self, batch: Profile) -> list[Plan]:
        """The tests to make of a batch: of values, and of missing values where there are any."""
        plans = []
        for grid in self.reference.grid.columns:
            both = self.reference.counts.keys() & batch.counts.keys()
            if grid.name in self.policy.ignore or grid.name not in both:
                continue
            if not self._cannot_check(grid, batch):
                plans.append(Plan(grid, "values"))
            missing = self.reference.counts[grid.name].missing + batch.counts[grid.name].missing
            # Where neither side misses anything there is nothing to test: no other outcome was possible.
            if missing and grid.role == "feature" and self.reference.rows and batch.rows:
                plans.append(Plan(grid, "missing"))
        return plans

    def _cannot_check(self, grid: Grid, batch: Profile) -> str:
        """Why a column's values cannot be tested; empty when they can."""
        if grid.name in self.policy.ignore:
            return "ignored by the policy"
        for place, profile in (("the reference", self.reference), ("the batch", batch)):
            if grid.name not in profile.counts:
                return f"missing in {place}"
            present = profile.counts[grid.name].present
            if present == 0:
                return f"no values in {place}"
            if present < self.policy.min_rows <= profile.rows:
                return f"only {present:,} values in {place}; the minimum is {self.policy.min_rows:,}"
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
        tests = self._row_tests(self.reference, self.current)
        p_values, pool = [], without_blocks(self.reference)
        for batch in self.batches[:-1]:
            p_values.append(_smallest(self._row_tests(pool, batch)))
            pool = _pooled_rows(pool, without_blocks(batch))
        p_values.append(_smallest(self._row_tests(pool, self.current) if p_values else tests))
        adjusted = holm_adjusted(np.array([outcome.p_value for outcome, _ in tests])).tolist()
        found = [
            replace(
                moved,
                test=outcome.name,
                p_value=outcome.p_value,
                adjusted_p_value=p_value,
                smallest_visible_effect=visible,
            )
            for (outcome, visible), p_value, moved in zip(tests, adjusted, self.measured(), strict=True)
        ]
        days = [DAYS_PER_YEAR / self.policy.batches_per_year] * len(self.batches)
        evidence = weigh(days, {"features": [Surprise(p) for p in p_values]}, threshold=self.threshold)
        labels = [f"batch {number}" for number in range(1, len(self.batches) + 1)]
        places = list(range(len(self.batches)))
        alarm = max(self._open_alarms(evidence, places), default=None)
        return self.conclude(found, evidence, labels, places, p_values[-1], alarm)

    def _row_tests(self, reference: Profile, batch: Profile) -> list[tuple[Outcome, float]]:
        """Each test's result, and the smallest effect that it is sure to detect."""
        plans = self.plans(batch)
        level = self.policy.alpha / max(1, len(plans))
        counts = [(reference.counts[plan.grid.name], batch.counts[plan.grid.name]) for plan in plans]
        return [row_test(plan.grid, plan.aspect, *pair, level=level) for plan, pair in zip(plans, counts, strict=True)]

    def by_blocks(self) -> DriftReport:
        """Blocks are exchangeable: each block is one look, ranked among all blocks known before it."""
        plans = self.plans(self.current)
        units = in_units(self.reference, self.batches, list(dict.fromkeys(plan.grid.name for plan in plans)))
        ranked = rank_groups(units, plans, self.policy)
        new = len(units.labels) - units.known
        if not ranked or new == 0:
            return self.report("too few rows", self.measured(), 1.0, None)
        streams = {name: stream for ranks in ranked.values() for name, stream in ranks.streams().items()}
        beyond = [ranks.beyond() for ranks in ranked.values()]
        evidence = weigh([self.days_per_block] * new, streams, threshold=self.threshold, settled=beyond)
        labels, batch = units.labels[units.known :], units.batch[units.known :].tolist()
        # The oldest alarm about a change that is large enough says best when it began; later ones come of the same.
        alarms: Sequence[int | None] = self._open_alarms(evidence, batch) or [None]
        for alarm in alarms:
            found, p_value = self._block_tests(plans, ranked, evidence, batch, alarm)
            if any(test.drifted for test in judged(found, self.policy)):
                break
        return self.conclude(found, evidence, labels, batch, p_value, alarm)

    def _block_tests(
        self,
        plans: Sequence[Plan],
        ranked: Mapping[str, GroupRanks],
        evidence: Evidence,
        batch: Sequence[int],
        alarm: int | None,
    ) -> tuple[list[FeatureDrift], float]:
        """The test of each column, and the p-value of the newest batch."""
        # What has lasted is judged over its whole time, what has not by what came last.
        newest = slice(batch.index(batch[-1]), None)
        lasted = newest if alarm is None else slice(evidence.since[alarm], None)
        window = self.current if alarm is None else _window(self.batches[batch[lasted.start] :])
        found = []
        exchanged = {group: ranks.exchanged(lasted) for group, ranks in ranked.items()}
        for plan, measured in zip(plans, self.measured(window), strict=True):
            ranks = ranked.get(plan.group)
            found.append(ranks.judged(measured, plan, exchanged[plan.group], groups=len(ranked)) if ranks else measured)
            if ranks and alarm is not None and ranks.plan_of(evidence.strongest[alarm]) == plan:
                days = self.days_per_block * evidence.looks_until(alarm)
                found[-1] = _proven(found[-1], days / evidence.levels[alarm])
        if features := ranked.get("features"):
            return found, (exchanged["features"] if lasted == newest else features.exchanged(newest)).p_value
        return found, 1.0

    def _open_alarms(self, evidence: Evidence, batch: Sequence[int]) -> list[int]:
        """The alarms that have not led to a retrain, oldest first."""
        return [look for look in evidence.alarms if batch[look] >= self.answered]

    def conclude(
        self,
        found: Sequence[FeatureDrift],
        evidence: Evidence,
        labels: Sequence[str],
        batch: Sequence[int],
        p_value: float,
        alarm: int | None,
    ) -> DriftReport:
        """The verdict: enough evidence, and a change that reaches its minimum effect."""
        look = len(evidence.levels) - 1 if alarm is None else alarm
        level, strongest = evidence.levels[look], evidence.strongest[look]
        features = judged(found, self.policy)
        joint_level = self._joint_level(sum(1 for number in batch if number == batch[-1]))
        joint_drifted = joint_level >= self.threshold
        if joint_level > level:
            level, strongest = joint_level, "joint"
        verdict: Verdict = "stable"
        if joint_drifted or (alarm is not None and any(test.drifted for test in features)):
            verdict = "drifted"
        began = evidence.since[look] if level > 2.0 * self.days_per_block else None
        over_time = EvidenceOverTime(
            level=level,
            threshold=self.threshold,
            false_retrains_per_year=self.policy.false_retrains_per_year,
            since="" if began is None else labels[began],
            strongest=strongest,
            path=tuple(zip(labels, evidence.levels, strict=True)),
            since_batch=None if began is None else int(batch[began]),
        )
        return self.report(verdict, features, p_value, over_time, joint_drifted=joint_drifted)

    def _joint_level(self, looks: int) -> float:
        """The evidence of this batch's domain classifier alone, in days. It is not accumulated, because its results
        about one reference depend on each other."""
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


def _proven(test: FeatureDrift, p_value: float) -> FeatureDrift:
    """The test of the column with most of the evidence over time, which is a test of all columns: to have reached its
    level within so many days has a chance of days / level at most (Ville's inequality)."""
    if p_value >= test.adjusted_p_value:
        return test
    return replace(test, test="evidence over time", p_value=min(p_value, test.p_value), adjusted_p_value=p_value)


def _smallest(tests: Sequence[tuple[Outcome, float]]) -> float:
    """The smallest p-value, corrected for the number of tests."""
    return min(1.0, len(tests) * min((outcome.p_value for outcome, _ in tests), default=1.0))


def _window(batches: Sequence[Profile]) -> Profile:
    """Several batches as one, without blocks: the columns are the newest batch's."""
    return reduce(_pooled_rows, map(without_blocks, reversed(batches)))


def without_blocks(profile: Profile) -> Profile:
    return replace(profile, blocks=Blocks())


def _pooled_rows(first: Profile, second: Profile) -> Profile:
    """Both together, where a column that the second lacks stays the first's."""
    merged = {
        name: counts.merge(second.counts[name]) if name in second.counts else counts
        for name, counts in first.counts.items()
    }
    return Profile(first.grid, first.rows + second.rows, merged)

"""Drift of live predictions: a window against what its version was trained on, and against the version's first day.

What differs on the first day is training-serving skew: requests are made otherwise than the training data, or the
world has changed before the version served. Training again on the same uploads does not cure it, so it starts nothing.
What moves later is drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from contender.drift.detect import detect_drift
from contender.drift.feature_tests import measure
from contender.drift.profiles.grid import CategoricalGrid
from contender.drift.profiles.profile import Profile
from contender.drift.report import DriftReport, FeatureDrift
from contender.drift.wording import display_name, reason_of
from contender.live.counting import together
from contender.live.windows import WINDOWS_PER_YEAR, Window
from contender.pipeline.drift_policy import DriftPolicy

Kind: TypeAlias = Literal["drift", "skew", "stable", "too few rows", "no profile"]

FIRST_WINDOWS: Mapping[str, int] = {"hour": 24}
"""Windows of a version's first day; one where a window is longer, or a trial's minute."""
MOST_WINDOWS = 120
"""Windows before this one that count as evidence. Fewer can only prove less, so that the budget holds all the same."""
NO_LABELS = ("label", "loss")


@dataclass(frozen=True)
class Observed:
    """A window as it was counted for one version."""

    window: Window
    profile: Profile


@dataclass(frozen=True)
class VersionDrift:
    """What a window shows of the inputs and predictions of one version.

    Attributes
    ----------
    kind : "drift" since the version's first day, "skew" since training, or neither.
    features : those that drifted later, the strongest evidence first.
    skewed : those that have differed from training since the first day.
    report : the test of this window and the evidence over time; None without a profile.
    """

    kind: Kind
    reason: str
    features: tuple[str, ...] = ()
    skewed: tuple[str, ...] = ()
    report: DriftReport | None = None
    shares: Mapping[str, Mapping[str, float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "features": list(self.features),
            "skewed": list(self.skewed),
            "drift": self.report.to_dict() if self.report is not None else None,
            "shares": {name: dict(found) for name, found in (self.shares or {}).items()},
        }


def judge_drift(
    reference: Profile,
    observed: Sequence[Observed],
    policy: DriftPolicy,
    *,
    answered: int = 0,
    days_per_block: float = 1.0,
    not_comparable: Mapping[str, str] | None = None,
    known_skew: Sequence[str] = (),
) -> VersionDrift:
    """Judge the newest window of a version.

    Parameters
    ----------
    reference : of the version, with blocks where blocks are compared.
    observed : the version's windows since it first served, oldest first; the newest is judged.
    answered : how many windows before it a run has answered, whether or not it trained.
    not_comparable : features that the log does not have as training had them, and why.
    known_skew : columns that an earlier window found to differ since the first day.

    Examples
    --------
    >>> import numpy as np
    >>> from datetime import UTC, datetime
    >>> from contender.drift.profiles.counting import count_profile, fit_profile
    >>> from contender.table import Table
    >>> trained = fit_profile(Table({"temp": np.linspace(0.0, 20.0, 500)}), numeric=["temp"])
    >>> def day(number: int, warmer: float) -> Observed:
    ...     rows = Table({"temp": np.linspace(0.0, 20.0, 400) + warmer})
    ...     return Observed(Window.of(datetime(2026, 3, number, tzinfo=UTC), "day"), count_profile(trained.grid, rows))
    >>> judge_drift(trained, [day(1, 15.0)], DriftPolicy()).kind
    'skew'
    >>> judge_drift(trained, [day(1, 0.0), day(2, 15.0)], DriftPolicy()).kind
    'drift'
    """
    check = _Check(reference, observed, _by_windows(policy, observed[-1].window), answered, days_per_block)
    unlike = dict(not_comparable or {})
    found = check.first_day(unlike) if check.is_first_day else check.later(unlike, tuple(known_skew))
    report = found.report
    if report is not None:
        found = replace(found, report=replace(report, not_checked=_why_not(report, unlike, found.skewed)))
    return replace(found, shares=shares(reference, observed[-1].profile))


def _by_windows(policy: DriftPolicy, window: Window) -> DriftPolicy:
    """Where rows are independent each window is one look."""
    return replace(policy, batches_per_year=WINDOWS_PER_YEAR[window.period])


@dataclass(frozen=True)
class _Check:
    reference: Profile
    observed: Sequence[Observed]
    policy: DriftPolicy
    answered: int
    days_per_block: float

    @property
    def current(self) -> Profile:
        return self.observed[-1].profile

    @property
    def _first(self) -> Sequence[Observed]:
        return self.observed[: FIRST_WINDOWS.get(self.observed[0].window.period, 1)]

    @property
    def is_first_day(self) -> bool:
        return len(self._first) == len(self.observed)

    def first_day(self, unlike: Mapping[str, str]) -> VersionDrift:
        """Training-serving skew: the first day's windows together, by what is significant and large enough."""
        report = detect_drift(
            self.reference,
            together([one.profile for one in self._first]),
            _ignoring(self.policy, unlike),
            days_per_block=self.days_per_block,
        )
        if report.verdict == "too few rows":
            return VersionDrift("too few rows", report.reason, report=report)
        skewed = tuple(dict.fromkeys(test.feature for test in report.features if test.drifted))
        if not skewed:
            return VersionDrift("stable", f"First day of this version: as in training. {report.reason}", report=report)
        return VersionDrift("skew", f"{skew_sentence(skewed)} {report.reason}", skewed=skewed, report=report)

    def later(self, unlike: Mapping[str, str], known: tuple[str, ...]) -> VersionDrift:
        """Drift since the first day, in the columns that were as in training then."""
        skewed = known
        while True:
            policy = _ignoring(self.policy, (*unlike, *self._columns(skewed)))
            report = detect_drift(
                self.reference,
                self.current,
                policy,
                earlier=[one.profile for one in self.observed[:-1]][-MOST_WINDOWS:],
                answered=max(0, self.answered - max(0, len(self.observed) - 1 - MOST_WINDOWS)),
                days_per_block=self.days_per_block,
            )
            as_before = tuple(
                name for name in report.drifted_features if not self._moved_since_the_first_day(report, name)
            )
            if not as_before:
                break
            skewed = (*skewed, *as_before)
        report = self._with_names(report)
        if report.verdict == "too few rows":
            return VersionDrift("too few rows", report.reason, skewed=skewed, report=report)
        also = f" {skew_sentence(skewed)}" if skewed else ""
        if report.drifted:
            return VersionDrift("drift", f"{report.reason}{also}", report.drifted_features, skewed, report)
        return VersionDrift(
            "skew" if set(skewed) - set(known) else "stable", f"{report.reason}{also}", (), skewed, report
        )

    def _with_names(self, report: DriftReport) -> DriftReport:
        """The report with windows by their names, where looks are numbered batches."""
        evidence = report.evidence
        if evidence is None or report.null == "blocks":
            return report
        names = [one.window.name for one in self.observed][-len(evidence.path) :]
        path = tuple((name, level) for name, (_, level) in zip(names, evidence.path, strict=True))
        since = names[evidence.since_batch] if evidence.since and evidence.since_batch is not None else evidence.since
        named = replace(report, evidence=replace(evidence, since=since, path=path))
        return replace(named, reason=reason_of(named))

    def _columns(self, features: Sequence[str]) -> list[str]:
        """The columns of these names as reports have them."""
        return [grid.name for grid in self.reference.grid.columns if display_name(grid.name) in features]

    def _moved_since_the_first_day(self, report: DriftReport, feature: str) -> bool:
        """Whether a column that drifted is as far from the first day as counts, and not only from training."""
        return any(self._is_far(test) for test in report.features if test.drifted and test.feature == feature)

    def _is_far(self, test: FeatureDrift) -> bool:
        (grid,) = (one for one in self.reference.grid.columns if display_name(one.name) == test.feature)
        before = together([one.profile for one in self._first]).counts.get(grid.name)
        after = self.current.counts.get(grid.name)
        if before is None or after is None:
            return True
        if test.aspect == "values" and not (before.present and after.present):
            return bool(before.present) != bool(after.present)
        return measure(grid, test.aspect, before, after, self.policy).distance >= test.effect_floor


def _ignoring(policy: DriftPolicy, names: Sequence[str] | Mapping[str, str]) -> DriftPolicy:
    return replace(policy, ignore=tuple(dict.fromkeys((*policy.ignore, *names))))


def _why_not(report: DriftReport, unlike: Mapping[str, str], skewed: Sequence[str]) -> dict[str, str]:
    """Why columns were not checked. That labels and losses were not goes without saying: none have come."""
    reasons = {name: why for name, why in report.not_checked.items() if name not in NO_LABELS}
    skew = dict.fromkeys(skewed, "differs from training since the version's first day")
    return reasons | {name: why for name, why in {**skew, **unlike}.items() if name in reasons}


def skew_sentence(features: Sequence[str]) -> str:
    """What skew is, and what to do.

    Examples
    --------
    >>> skew_sentence(["temp"])[:69]
    'Training-serving skew in temp: different from the training data since'
    """
    return (
        f"Training-serving skew in {', '.join(features)}: different from the training data since this version's first "
        "day. Compare how requests and training data are made; training on the same data again does not cure it."
    )


def shares(reference: Profile, current: Profile) -> dict[str, dict[str, float]]:
    """For each column, the share of missing and of unseen values in the reference and in the window.

    Examples
    --------
    >>> import numpy as np
    >>> from contender.drift.profiles.counting import count_profile, fit_profile
    >>> from contender.table import Table
    >>> trained = fit_profile(Table({"shop": np.array(["a", "a"], dtype=object)}), categorical=["shop"])
    >>> shares(trained, count_profile(trained.grid, Table({"shop": np.array(["a", "z", None, "a"], dtype=object)})))
    {'shop': {'missing_before': 0.0, 'missing': 0.25, 'unseen': 0.3333333333333333}}
    """
    found = {}
    for grid in reference.grid.columns:
        before, after = reference.counts.get(grid.name), current.counts.get(grid.name)
        if before is None or after is None or not after.rows:
            continue
        of_column = {"missing": after.missing / after.rows}
        if grid.role == "feature" and before.rows:
            of_column = {"missing_before": before.missing / before.rows, **of_column}
        if isinstance(grid, CategoricalGrid) and grid.closed and after.present:
            of_column["unseen"] = int(after.cells[-1]) / after.present
        found[display_name(grid.name)] = of_column
    return found


def class_shares(reference: Profile, current: Profile, name: str) -> dict[str, dict[str, float]]:
    """For each predicted class, its share of the holdout's predictions and of the window's."""
    grid = next((one for one in reference.grid.columns if one.name == name), None)
    before, after = reference.counts.get(name), current.counts.get(name)
    if not isinstance(grid, CategoricalGrid) or before is None or after is None or not after.present:
        return {}
    pairs = zip(grid.levels, before.shares.tolist(), after.shares.tolist(), strict=False)
    return {level: {"holdout": first, "window": second} for level, first, second in pairs}

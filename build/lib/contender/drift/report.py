"""The result of a drift check: every test, the evidence so far, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from contender.drift.joint.detect import JointDrift
from contender.drift.profiles.columns import Role

Verdict: TypeAlias = Literal["drifted", "stable", "too few rows"]
Aspect: TypeAlias = Literal["values", "missing"]
Null: TypeAlias = Literal["blocks", "rows"]


@dataclass(frozen=True)
class FeatureDrift:
    """The change of one column's values, or of its share of missing values.

    Attributes
    ----------
    feature, role, aspect : what was tested: its values, or its share of missing values.
    test : "block exchange", or "evidence over time" where that is stronger; or where rows are independent "ks", "chi2"
        (with "+unseen" where an exact test of unseen levels joined it), "fisher", or for a loss "welch".
    reference_rows, current_rows : rows that took part.
    effect, distance : the effect's name and size: "ks distance", "total variation", "missing rate difference", or for
        a loss "relative rise", negative where it fell.
    distance_error : the distance on the raw values is larger by at most this; 0 when the grid is exact.
    wasserstein, wasserstein_scaled : how far values moved on average, in the feature's own units and in the
        reference's standard deviations, values clipped to the reference's 0.1 % to 99.9 % range; None for
        categories.
    wasserstein_error : the distance on the raw values is larger or smaller by at most this.
    p_value, adjusted_p_value : of the test alone, and corrected for all tests of the report.
    effect_floor : the minimum effect: the smallest distance that counts.
    significant : whether the adjusted p-value is at most alpha.
    drifted : significant, and the distance reaches the minimum effect.
    direction : the change in words.
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
    """The evidence since the champion was trained, or since it last led to a retrain.

    Attributes
    ----------
    level : in days: chance alone takes at least this long, on average, to produce as much.
    threshold : the level that starts a retrain, from `false_retrains_per_year`.
    since : the block or batch with which the change seems to have begun; empty without any evidence.
    strongest : the stream with most of the evidence: a feature with its direction ("up", "above its range"), "loss up",
        or "joint".
    path : each block or batch since the champion was trained with the level after it.
    since_batch : the number of the batch with `since`, counted from 0 after training; None without any evidence.
    """

    level: float
    threshold: float
    false_retrains_per_year: float
    since: str
    strongest: str
    path: tuple[tuple[str, float], ...]
    since_batch: int | None = None

    @property
    def reached(self) -> bool:
        """Whether the evidence has reached its threshold."""
        return self.level >= self.threshold


@dataclass(frozen=True)
class DriftReport:
    """The result of a drift check.

    Attributes
    ----------
    verdict : "drifted", "stable", or "too few rows" for a check.
    reason : a few sentences with the figures.
    null : what was taken as exchangeable: whole "blocks", or single "rows".
    p_value : of this batch alone, over all tests of features and labels.
    tests : how many tests were corrected for.
    features : every test made, the strongest evidence first.
    joint : the domain classifier's result; None where it was not used.
    joint_drifted : whether the dependence between features changed, significantly and by its minimum effect.
    evidence : over time; None with too few rows.
    not_checked : each feature that could not be tested, and why.
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
        """Whether the verdict is "drifted"."""
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

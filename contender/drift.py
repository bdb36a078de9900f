"""Has the world changed? Two profiles in, a verdict out: a feature drifts when it moved surely *and* far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import floor, isfinite, log10, sqrt
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.grid import UNSEEN, CategoricalGrid, Grid, NumericGrid, Role
from contender.profile import Counts, Profile

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Verdict = Literal["drifted", "stable", "too few rows"]
Aspect = Literal["values", "missing"]

MIN_EXPECTED = 5.0


@dataclass(frozen=True)
class DriftPolicy:
    """When a batch counts as drifted from the reference.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.
    """

    alpha: float = field(
        default=0.05,
        metadata={
            "doc": "Chance that a batch of independent rows from the same world has any feature called "
            "significant, shared among the features (Holm).",
            "minimum": 1e-12,
            "maximum": 0.5,
        },
    )
    min_effect_numeric: float = field(
        default=0.1,
        metadata={
            "doc": "Smallest Kolmogorov-Smirnov distance of a numeric feature that counts, from 0 to 1.",
            "minimum": 0.0,
            "maximum": 1.0,
        },
    )
    min_effect_categorical: float = field(
        default=0.1,
        metadata={
            "doc": "Smallest share of rows that changed category (total variation) that counts, from 0 to 1.",
            "minimum": 0.0,
            "maximum": 1.0,
        },
    )
    min_effect_missing: float = field(
        default=0.05,
        metadata={
            "doc": "Smallest change of a feature's share of missing values that counts, from 0 to 1.",
            "minimum": 0.0,
            "maximum": 1.0,
        },
    )
    min_effect_by_feature: dict[str, float] = field(
        default_factory=dict,
        metadata={"doc": "Floors of single features in place of the two above, by name."},
    )
    ignore: tuple[str, ...] = field(default=(), metadata={"doc": "Features that are not checked."})
    min_rows: int = field(
        default=100,
        metadata={"doc": "With fewer rows, in the batch or in the reference, nothing is said.", "minimum": 1},
    )

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha <= 0.5:
            raise InvalidInputError(f"alpha must be above 0 and at most 0.5, but got {self.alpha}")
        floors = {
            name: getattr(self, name) for name in ("min_effect_numeric", "min_effect_categorical", "min_effect_missing")
        }
        floors |= {f"min_effect_by_feature[{name!r}]": value for name, value in self.min_effect_by_feature.items()}
        for name, value in floors.items():
            if not 0.0 <= value <= 1.0:
                raise InvalidInputError(f"{name} must be between 0 and 1, but got {value}")
        if self.min_rows < 1:
            raise InvalidInputError(f"min_rows must be at least 1, but got {self.min_rows}")

    def floor_of(self, grid: Grid) -> float:
        """The effect floor of one feature's values."""
        default = self.min_effect_numeric if isinstance(grid, NumericGrid) else self.min_effect_categorical
        return self.min_effect_by_feature.get(grid.name, default)


@dataclass(frozen=True)
class FeatureDrift:
    """One test of one feature.

    Attributes
    ----------
    feature, role, aspect : what was tested: its values, or its share of missing values.
    test : "ks" or "chi2" (with "+unseen" where an exact test of unseen levels joined it), or "fisher".
    reference_rows, current_rows : rows that took part in the test.
    effect, distance : the effect's name and size: "ks distance", "total variation" or "missing rate
        difference".
    distance_error : the distance on the raw values is larger by at most this; 0 when the grid is exact.
    wasserstein, wasserstein_scaled : how far values moved on average, in the feature's own units and in the
        reference's standard deviations, values clipped to the reference's 0.1 % to 99.9 % range; None for
        categories.
    p_value, adjusted_p_value : of the test alone, and corrected for all tests of the report.
    effect_floor : the distance that counts.
    significant : whether the adjusted p-value is at most alpha.
    drifted : significant, and the distance reaches the floor.
    direction : what changed, in words.
    smallest_visible_effect : a distance that is always significant with these numbers of rows and tests
        (among categories, a distance between cells that the test did not have to pool).
    """

    feature: str
    role: Role
    aspect: Aspect
    test: str
    reference_rows: int
    current_rows: int
    effect: str
    distance: float
    p_value: float
    effect_floor: float
    direction: str
    smallest_visible_effect: float
    distance_error: float = 0.0
    wasserstein: float | None = None
    wasserstein_scaled: float | None = None
    adjusted_p_value: float = 1.0
    significant: bool = False
    drifted: bool = False


@dataclass(frozen=True)
class DriftReport:
    """What a drift check found.

    Attributes
    ----------
    verdict : "drifted", "stable", or "too few rows", which is no statement about the world.
    reason : a sentence or two with the figures.
    tests : how many tests were corrected for.
    features : every test made, the strongest evidence first.
    not_checked : why each feature was left out that could not be tested.
    """

    verdict: Verdict
    reason: str
    alpha: float
    min_rows: int
    reference_rows: int
    current_rows: int
    tests: int
    features: tuple[FeatureDrift, ...]
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
        return {**asdict(self), "drifted": self.drifted, "drifted_features": list(self.drifted_features)}


@dataclass(frozen=True)
class _Test:
    """The outcome of one statistical test, before anything is corrected or judged."""

    name: str
    p_value: float
    freedom: int = 1


def detect_drift(reference: Profile, current: Profile, policy: DriftPolicy | None = None) -> DriftReport:
    """Compare a batch's profile with the reference's.

    Numeric features are tested by Kolmogorov-Smirnov [1]_, categories by a chi-square test of homogeneity
    [2]_ joined by Fisher's exact test of unseen levels, and missing rates, where there are any, by the same
    on two cells. The p-values of all tests are corrected together [3]_. They assume independent rows: real
    days differ from each other by more than that, which is why an effect also has to reach its floor.

    Predictions and labels are checked like features where both profiles have them.

    Raises
    ------
    InvalidInputError
        When the two profiles are not on one grid.

    References
    ----------
    .. [1] Simard & L'Ecuyer (2011), "Computing the two-sided Kolmogorov-Smirnov distribution", J. Statistical
       Software 39(11); the two-sample statistic is referred to it with n m / (n + m) rows, as scipy's
       ks_2samp does.
    .. [2] Cochran (1954), "Some methods for strengthening the common chi-square tests", Biometrics 10,
       417-451.
    .. [3] Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6,
       65-70.

    Examples
    --------
    >>> from contender.profile import count, fit_profile
    >>> from contender.table import Table
    >>> summer, winter = np.linspace(60.0, 90.0, 500), np.linspace(20.0, 50.0, 500)
    >>> reference = fit_profile(Table({"temp": summer}), numeric=["temp"])
    >>> report = detect_drift(reference, count(reference.grid, Table({"temp": winter})))
    >>> report.verdict, report.features[0].distance
    ('drifted', 1.0)
    """
    policy = policy or DriftPolicy()
    if reference.grid != current.grid:
        raise InvalidInputError(
            f"current must be counted on the reference's grid {reference.grid.sha256[:12]}, but got "
            f"{current.grid.sha256[:12]}; use count(reference.grid, table)"
        )
    not_checked: dict[str, str] = {}
    plans: list[tuple[Grid, Aspect, Counts, Counts]] = []
    for grid in reference.grid.columns:
        reason = _cannot_check(grid, reference, current, policy)
        if reason:
            not_checked[display_name(grid.name)] = reason
        if grid.name in policy.ignore or not {grid.name} <= reference.counts.keys() & current.counts.keys():
            continue
        before, after = reference.counts[grid.name], current.counts[grid.name]
        if not reason:
            plans.append((grid, "values", before, after))
        # Where neither side misses anything there is nothing to test: given the total, no other outcome was
        # possible.
        if before.missing + after.missing > 0 and reference.rows and current.rows:
            plans.append((grid, "missing", before, after))
    found = [_test_feature(*plan, tests=len(plans), policy=policy) for plan in plans]
    enough = min(reference.rows, current.rows) >= policy.min_rows
    judged = _judged(found, policy, enough)
    verdict: Verdict = "too few rows"
    if enough:
        verdict = "drifted" if any(test.drifted for test in judged) else "stable"
    report = DriftReport(
        verdict=verdict,
        reason="",
        alpha=policy.alpha,
        min_rows=policy.min_rows,
        reference_rows=reference.rows,
        current_rows=current.rows,
        tests=len(plans),
        features=judged,
        not_checked=not_checked,
    )
    return replace(report, reason=_reason(report))


def ks_distance(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance of two sets of counts on one grid; never above that of the raw values."""
    return float(np.abs(_steps(reference) - _steps(current)).max())


def ks_distance_error(grid: NumericGrid, reference: Counts, current: Counts) -> float:
    """By how much the raw values' distance can exceed `ks_distance`: 0 where each value has a cell of its
    own.

    Inside a cell the raw distance is at most that of one distribution's upper end from the other's lower end.
    """
    before, after = (np.concatenate(([0.0], _steps(counts))) for counts in (reference, current))
    open_cells = ~grid.single
    inside = np.maximum(before[1:] - after[:-1], after[1:] - before[:-1])
    # A cell that only one side hit has its largest distance at an end, where the grid sees it.
    inside = np.where((reference.cells > 0) & (current.cells > 0) & open_cells, inside, 0.0)
    return max(0.0, float(inside.max()) - ks_distance(reference, current))


def wasserstein_distance(grid: NumericGrid, reference: Counts, current: Counts) -> float | None:
    """Mean distance that values moved, in the feature's units, with values clipped to [grid.low, grid.high].

    None where the range is too wide for a floating-point number.
    """
    gap = np.abs(_steps(reference) - _steps(current))[:-1]
    return _finite(_integral(grid, gap))


def total_variation(reference: Counts, current: Counts) -> float:
    """Share of rows that would have to change category to turn one distribution into the other."""
    return float(np.abs(_shares(reference.cells) - _shares(current.cells)).sum() / 2.0)


def holm_adjusted(p_values: Floats) -> Floats:
    """P-values corrected for their number: each is significant at the family's level when at most that level
    [1]_.

    References
    ----------
    .. [1] Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6,
       65-70.

    Examples
    --------
    >>> holm_adjusted(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * p_values[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def display_name(column: str) -> str:
    """A column's name in sentences: predictions and labels without their brackets."""
    return column.strip("()") if column.startswith("(") else column


def _cannot_check(grid: Grid, reference: Profile, current: Profile, policy: DriftPolicy) -> str:
    """Why a feature's values cannot be tested; empty when they can."""
    if grid.name in policy.ignore:
        return "ignored by the policy"
    for place, profile in (("the reference", reference), ("the batch", current)):
        if grid.name not in profile.counts:
            return f"not given in {place}"
        present = profile.counts[grid.name].present
        if present == 0:
            return f"no values in {place}"
        if present < policy.min_rows <= profile.rows:
            return f"only {present:,} values in {place}, fewer than the {policy.min_rows:,} asked for"
    return ""


def _test_feature(
    grid: Grid, aspect: Aspect, before: Counts, after: Counts, *, tests: int, policy: DriftPolicy
) -> FeatureDrift:
    if aspect == "missing":
        return _test_missing(grid, before, after, tests=tests, policy=policy)
    if isinstance(grid, NumericGrid):
        return _test_numbers(grid, before, after, tests=tests, policy=policy)
    return _test_categories(grid, before, after, tests=tests, policy=policy)


def _test_numbers(grid: NumericGrid, before: Counts, after: Counts, *, tests: int, policy: DriftPolicy) -> FeatureDrift:
    # Imported where it is used: every process that reads a pipeline file imports this module, but not scipy.
    from scipy.stats import kstwo  # noqa: PLC0415

    distance, pairs = ks_distance(before, after), _effective_rows(before.present, after.present)
    moved = wasserstein_distance(grid, before, after)
    spread = _spread(grid, before)
    return FeatureDrift(
        feature=display_name(grid.name),
        role=grid.role,
        aspect="values",
        test="ks",
        reference_rows=before.present,
        current_rows=after.present,
        effect="ks distance",
        distance=distance,
        distance_error=ks_distance_error(grid, before, after),
        wasserstein=moved,
        wasserstein_scaled=moved / spread if moved is not None and spread else None,
        p_value=_probability(kstwo.sf(distance, max(1, round(pairs)))),
        effect_floor=policy.floor_of(grid),
        direction=_numeric_direction(grid, before, after),
        smallest_visible_effect=min(1.0, float(kstwo.isf(policy.alpha / tests, max(1, round(pairs))))),
    )


def _test_categories(
    grid: CategoricalGrid, before: Counts, after: Counts, *, tests: int, policy: DriftPolicy
) -> FeatureDrift:
    outcome = _test_levels(grid, before, after)
    return FeatureDrift(
        feature=display_name(grid.name),
        role=grid.role,
        aspect="values",
        test=outcome.name,
        reference_rows=before.present,
        current_rows=after.present,
        effect="total variation",
        distance=total_variation(before, after),
        p_value=outcome.p_value,
        effect_floor=policy.floor_of(grid),
        direction=_categorical_direction(grid, before, after),
        smallest_visible_effect=_visible_share(before.present, after.present, outcome.freedom, policy.alpha / tests),
    )


def _test_missing(grid: Grid, before: Counts, after: Counts, *, tests: int, policy: DriftPolicy) -> FeatureDrift:
    rows_before, rows_after = before.present + before.missing, after.present + after.missing
    rates = before.missing / rows_before, after.missing / rows_after
    table = np.array([before.present, before.missing]), np.array([after.present, after.missing])
    outcome = _two_cells(*table)
    direction = f"missing values went from {rates[0]:.1%} to {rates[1]:.1%} of the rows"
    return FeatureDrift(
        feature=display_name(grid.name),
        role=grid.role,
        aspect="missing",
        test=outcome.name,
        reference_rows=rows_before,
        current_rows=rows_after,
        effect="missing rate difference",
        distance=abs(rates[1] - rates[0]),
        p_value=outcome.p_value,
        effect_floor=policy.min_effect_missing,
        direction=direction,
        smallest_visible_effect=_visible_share(rows_before, rows_after, 1, policy.alpha / tests),
    )


def _judged(found: list[FeatureDrift], policy: DriftPolicy, enough: bool) -> tuple[FeatureDrift, ...]:
    """The tests with their corrected p-values and flags, the strongest evidence first."""
    adjusted = holm_adjusted(np.array([test.p_value for test in found], dtype=np.float64))
    judged = []
    for test, p_value in zip(found, adjusted.tolist(), strict=True):
        significant = enough and p_value <= policy.alpha
        drifted = significant and test.distance >= test.effect_floor
        judged.append(replace(test, adjusted_p_value=p_value, significant=significant, drifted=drifted))
    judged.sort(key=lambda test: (not test.drifted, not test.significant, -test.distance, test.feature, test.aspect))
    return tuple(judged)


def _test_levels(grid: CategoricalGrid, before: Counts, after: Counts) -> _Test:
    """Whether two sets of levels come from one distribution.

    Chi-square on the cells, the rare ones pooled. Levels never seen before, too few for a cell of their own,
    would hide in a pool with a level that lost what they won, and the reference has none of them by
    definition. They get an exact test against the Good-Turing expectation, and the smaller of the two
    p-values counts twice (Bonferroni).
    """
    least = _least_column(before.cells, after.cells)
    pooled = _pooled(before.cells, after.cells, least)
    levels = _chi_square(*pooled)
    unseen = int(after.cells[-1])
    if not grid.closed or unseen == 0:
        return levels
    expected = np.array([before.present - grid.singles, max(grid.singles, int(before.cells[-1]))])
    surprise = _fisher(expected, np.array([after.present - unseen, unseen]), one_sided=True)
    if levels.freedom == 0:
        return surprise
    return _Test("chi2+unseen", min(1.0, 2.0 * min(levels.p_value, surprise.p_value)), levels.freedom + 1)


def _two_cells(before: Integers, after: Integers) -> _Test:
    if (before + after).min() < _least_column(before, after):
        return _fisher(before, after)
    return _chi_square(before, after)


def _least_column(before: Integers, after: Integers) -> float:
    """How large a column of the table must be for at least five expected rows on each side."""
    rows = float(before.sum()), float(after.sum())
    return MIN_EXPECTED * sum(rows) / min(rows)


def _pooled(before: Integers, after: Integers, least: float) -> tuple[Integers, Integers]:
    """Cells in order of size, added up until none is smaller than `least`; the last takes in what is left
    over.

    Sizes are those of both sides together, so that under no drift the pooling favours neither.
    """
    columns = before + after
    order = np.argsort(columns, kind="stable")
    order = order[columns[order] > 0]
    starts, filled = [0], 0
    for place, size in enumerate(columns[order].tolist()):
        if filled >= least:
            starts.append(place)
            filled = 0
        filled += size
    if filled < least and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(before[order], starts), np.add.reduceat(after[order], starts)


def _chi_square(before: Integers, after: Integers) -> _Test:
    from scipy.special import chdtrc  # noqa: PLC0415  # as in `_test_numbers`

    kept = before + after > 0
    table = np.stack([before[kept], after[kept]]).astype(np.float64)
    freedom = table.shape[1] - 1
    if freedom < 1:
        return _Test("chi2", 1.0, 0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return _Test("chi2", _probability(chdtrc(freedom, statistic)), freedom)


def _fisher(before: Integers, after: Integers, *, one_sided: bool = False) -> _Test:
    """Fisher's exact test of a 2 x 2 table: twice the smaller tail, or the tail of a larger last cell."""
    from scipy.stats import hypergeom  # noqa: PLC0415  # as in `_test_numbers`

    total, marked, drawn = int(before.sum() + after.sum()), int(before[1] + after[1]), int(after.sum())
    hits = int(after[1])
    more = float(hypergeom.sf(hits - 1, total, marked, drawn))
    if one_sided:
        return _Test("fisher", _probability(more))
    return _Test("fisher", _probability(2.0 * min(more, float(hypergeom.cdf(hits, total, marked, drawn)))))


def _visible_share(before: int, after: int, freedom: int, level: float) -> float:
    """A total variation that is always significant: chi-square >= 4 · rows · its square (Cauchy-Schwarz)."""
    from scipy.special import chdtri  # noqa: PLC0415  # as in `_test_numbers`

    return min(1.0, sqrt(float(chdtri(max(1, freedom), level)) / (4.0 * _effective_rows(before, after))))


def _effective_rows(before: int, after: int) -> float:
    return before * after / (before + after)


def _probability(value: float) -> float:
    return min(1.0, max(0.0, float(value)))


def _shares(cells: Integers) -> Floats:
    shares: Floats = cells / cells.sum()
    return shares


def _steps(counts: Counts) -> Floats:
    """The distribution function at each edge, and 1 at the end."""
    return np.cumsum(counts.cells) / counts.present


def _integral(grid: NumericGrid, heights: Floats) -> float:
    """Integral over [low, high] of a function known at the edges, straight in between."""
    inside = (grid.edges >= grid.low) & (grid.edges <= grid.high)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.trapezoid(heights[inside], grid.edges[inside]))


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _spread(grid: NumericGrid, counts: Counts) -> float | None:
    """Standard deviation of the values clipped to [low, high], each cell's mass at its middle."""
    ends = np.clip(np.concatenate(([grid.low], grid.edges, [grid.high])), grid.low, grid.high)
    with np.errstate(over="ignore", invalid="ignore"):
        middles, shares = ends[:-1] / 2.0 + ends[1:] / 2.0, _shares(counts.cells)
        middles = np.where(grid.single, ends[1:], middles)
        return _finite(sqrt(float(shares @ (middles - shares @ middles) ** 2)))


def _numeric_direction(grid: NumericGrid, before: Counts, after: Counts) -> str:
    start, end = grid.mean(before.total, before.present), grid.mean(after.total, after.present)
    shift, moved = end - start, wasserstein_distance(grid, before, after)
    if moved is None or not isfinite(shift):
        return "moved, within a range too wide for a mean"
    # When less than half of the movement is in one direction, the values spread or gathered rather than
    # shifted.
    if abs(shift) * 2.0 < moved:
        narrow, wide = _spread(grid, before), _spread(grid, after)
        if narrow is not None and wide is not None:
            word = "widened" if wide > narrow else "narrowed"
            first, second = _figures(abs(wide - narrow), narrow, wide)
            return f"{word} (standard deviation {first} to {second}, mean about the same)"
    if shift == 0.0:
        return "did not move"
    size, first, second = _figures(abs(shift), abs(shift), start, end)
    return f"moved {'up' if shift > 0 else 'down'} by {size} (mean {first} to {second})"


def _categorical_direction(grid: CategoricalGrid, before: Counts, after: Counts) -> str:
    names = grid.cell_names
    shares = _shares(before.cells), _shares(after.cells)
    change = shares[1] - shares[0]
    if not change.any():
        return "did not move"
    parts = []
    for word, cell in (("gained", int(change.argmax())), ("lost", int(change.argmin()))):
        label = repr(names[cell])
        if cell == len(names) - 1:
            kind = "unseen levels" if names[cell] == UNSEEN else "other levels"
            label = kind + (f" such as {after.other_examples[0]!r}" if after.other_examples else "")
        parts.append(f"{label} {word} share ({shares[0][cell]:.1%} to {shares[1][cell]:.1%})")
    return ", ".join(parts)


def _reason(report: DriftReport) -> str:
    if report.verdict == "too few rows":
        return (
            f"Too few rows to say anything: {report.current_rows:,} in the batch and "
            f"{report.reference_rows:,} in the reference; {report.min_rows:,} of each are asked for."
        )
    checked = len({test.feature for test in report.features})
    if not report.features:
        return "Nothing could be checked: " + "; ".join(f"{k}: {v}" for k, v in report.not_checked.items()) + "."
    if report.drifted:
        first = report.features[0]
        others = report.drifted_features[1:]
        also = f" Also {_listed(others)}." if others else ""
        return f"{_evidence(first)}; {len(report.drifted_features)} of {checked} features drifted.{also}"
    largest = max(report.features, key=lambda test: test.distance / test.effect_floor if test.effect_floor else 1.0)
    figure = f"the largest effect is a {largest.effect} of {largest.distance:.2g} on {largest.feature}"
    if largest.distance < largest.effect_floor:
        found = f"below the floor of {largest.effect_floor:g}"
        if largest.significant:
            found += f", though significant ({_p_words(largest.adjusted_p_value)})"
    else:
        p_words = _p_words(largest.adjusted_p_value)
        found = f"above the floor of {largest.effect_floor:g} but not significant ({p_words})"
    blind = sorted(
        {test.feature for test in report.features if test.smallest_visible_effect > max(test.effect_floor, 1e-9)}
    )
    caution = ""
    if blind:
        worst = max(test.smallest_visible_effect for test in report.features)
        caution = f" With {report.current_rows:,} rows an effect is only sure to show from {worst:.2g} on."
    return f"Nothing drifted in {checked} features: {figure}, {found}.{caution}"


def _evidence(test: FeatureDrift) -> str:
    strength = f"{test.effect} {test.distance:.2g}, {_p_words(test.adjusted_p_value)}"
    return f"{test.feature}: {test.direction} ({strength})"


def _p_words(p_value: float) -> str:
    return "p < 1e-300" if p_value < 1e-300 else f"p = {p_value:.2g}"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more


def _figures(scale: float, *values: float) -> list[str]:
    """Numbers with the decimals that give a difference of this size two digits."""
    if scale == 0.0 or not 1e-6 <= scale <= 1e9:
        return [f"{value:.4g}" for value in values]
    decimals = max(0, 1 - floor(log10(scale)))
    return [f"{value:,.{decimals}f}" for value in values]

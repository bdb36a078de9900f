"""Profiles: exact merges, grids that survive any distribution, a stored form that cannot rot unseen."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contender.errors import IntegrityError, InvalidInputError
from contender.grid import CategoricalGrid, NumericGrid
from contender.profile import Profile, count, fit_profile, from_bytes, to_bytes
from contender.table import Table

ANY_NUMBERS = arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=True, allow_infinity=True))
ANY_LEVELS = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=1, max_size=60)


def categories(levels: list[str | None]) -> np.ndarray:
    column = np.empty(len(levels), dtype=object)
    column[:] = levels
    return column


@given(ANY_NUMBERS, ANY_NUMBERS, ANY_NUMBERS, st.integers(1, 20))
def test_merged_numbers_are_the_profile_of_both_tables_together(
    fitted: np.ndarray, first: np.ndarray, second: np.ndarray, max_cells: int
) -> None:
    grid = fit_profile(Table({"x": fitted}), numeric=["x"], max_cells=max_cells).grid
    apart = count(grid, Table({"x": first})).merge(count(grid, Table({"x": second})))
    assert apart == count(grid, Table({"x": np.concatenate([first, second])}))


@given(ANY_LEVELS, ANY_LEVELS, ANY_LEVELS)
def test_merged_categories_are_the_profile_of_both_tables_together(
    fitted: list[str | None], first: list[str | None], second: list[str | None]
) -> None:
    grid = fit_profile(Table({"x": categories(fitted)}), categorical=["x"], max_levels=3, frequent_share=0.2).grid
    apart = count(grid, Table({"x": categories(first)})).merge(count(grid, Table({"x": categories(second)})))
    assert apart == count(grid, Table({"x": categories(first + second)}))


@given(ANY_NUMBERS, st.integers(1, 20), st.randoms())
def test_any_profile_survives_its_stored_form_and_row_order_does_not_matter(
    values: np.ndarray, max_cells: int, random: object
) -> None:
    profile = fit_profile(Table({"x": values}), numeric=["x"], max_cells=max_cells)
    assert from_bytes(to_bytes(profile)) == profile
    shuffled = values.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fit_profile(Table({"x": shuffled}), numeric=["x"], max_cells=max_cells) == profile
    counts = profile.counts["x"]
    assert counts.present + counts.missing == len(values)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "standard_cauchy", "exponential", "rounded", "mixed"]),
)
def test_no_cell_of_several_values_holds_more_than_its_share_of_the_reference(seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    if kind == "rounded":
        values = np.round(generator.normal(size=5000), 3)
    elif kind == "mixed":
        values = np.where(generator.random(5000) < 0.4, 0.0, generator.lognormal(sigma=3.0, size=5000))
    else:
        values = getattr(generator, kind)(size=5000)
    profile = fit_profile(Table({"x": values}), numeric=["x"], max_cells=200)
    grid = profile.grid.columns[0]
    assert isinstance(grid, NumericGrid)
    assert profile.counts["x"].cells[~grid.single].max() < 2 * 5000 / 200
    assert grid.size <= 2 * 200 + 200 + 10


@pytest.mark.parametrize("power", [-20, 3, 40])
def test_a_change_of_units_gives_the_same_counts(power: int) -> None:
    values = np.random.default_rng(1).normal(size=3000)
    plain = fit_profile(Table({"x": values}), numeric=["x"]).counts["x"].cells
    # A power of two, so that floating-point numbers scale exactly.
    scaled = fit_profile(Table({"x": values * 2.0**power}), numeric=["x"]).counts["x"].cells
    assert plain.tolist() == scaled.tolist()


def test_an_outlier_does_not_coarsen_the_grid() -> None:
    values = np.random.default_rng(2).normal(size=10_000)
    grid = fit_profile(Table({"x": np.append(values, 1e9)}), numeric=["x"]).grid.columns[0]
    assert isinstance(grid, NumericGrid)
    assert np.sum(np.abs(grid.edges) < 5.0) > 990


def test_a_constant_an_all_missing_and_an_infinite_column_are_profiled() -> None:
    table = Table(
        {
            "constant": np.full(4, 7.0),
            "missing": np.full(4, np.nan),
            "infinite": np.array([np.inf, -np.inf, np.nan, 1.0]),
            "none": categories([None] * 4),
        }
    )
    counts = fit_profile(table, numeric=["constant", "missing", "infinite"], categorical=["none"]).counts
    assert (counts["constant"].present, counts["constant"].minimum, counts["constant"].maximum) == (
        4,
        7.0,
        7.0,
    )
    assert (counts["missing"].present, counts["missing"].missing) == (0, 4)
    assert (counts["infinite"].present, counts["infinite"].missing, counts["infinite"].infinite) == (1, 3, 2)
    assert (counts["none"].present, counts["none"].missing) == (0, 4)


def test_twenty_five_features_are_stored_in_less_than_a_megabyte() -> None:
    generator = np.random.default_rng(3)
    columns = {f"n{i}": generator.normal(size=20_000) for i in range(20)}
    levels = [f"level {i}" for i in range(20_000)]
    columns |= {f"c{i}": categories(generator.choice(levels, 20_000).tolist()) for i in range(5)}
    numeric, categorical = [n for n in columns if n[0] == "n"], [n for n in columns if n[0] == "c"]
    assert len(to_bytes(fit_profile(Table(columns), numeric=numeric, categorical=categorical))) < 1_000_000


def test_few_levels_all_have_a_cell_and_of_many_only_the_frequent_ones() -> None:
    table = Table({"x": categories(["a"] * 6 + ["b"] * 2 + ["c", "d"])})
    closed = fit_profile(table, categorical=["x"]).grid.columns[0]
    assert isinstance(closed, CategoricalGrid)
    assert (closed.levels, closed.closed, closed.singles) == (("a", "b", "c", "d"), True, 2)
    reference = fit_profile(table, categorical=["x"], max_levels=3, frequent_share=0.2)
    grid = reference.grid.columns[0]
    assert isinstance(grid, CategoricalGrid)
    assert (grid.levels, grid.closed, grid.cell_names) == (("a", "b"), False, ("a", "b", "(other)"))
    assert count(reference.grid, Table({"x": categories(["z", "y", "b"])})).counts["x"].other_examples == (
        "y",
        "z",
    )


@given(ANY_NUMBERS)
def test_the_mean_of_values_near_the_reference_is_kept_to_a_billionth_of_its_range(
    values: np.ndarray,
) -> None:
    finite = values[np.isfinite(values) & (np.abs(values) < 1e6)]
    if len(finite) == 0:
        return
    profile = fit_profile(Table({"x": finite}), numeric=["x"])
    grid = profile.grid.columns[0]
    assert isinstance(grid, NumericGrid)
    assert grid.mean(profile.counts["x"].total, profile.counts["x"].present) == pytest.approx(
        finite.mean(), abs=max(1.0, np.ptp(finite)) * 1e-8
    )


def test_predictions_and_labels_are_columns_of_their_own_and_may_be_absent_later() -> None:
    table = Table({"x": np.arange(4.0)})
    reference = fit_profile(table, numeric=["x"], prediction=np.full((4, 2), 0.5), label=np.array([0, 1, 1, 0]))
    assert {column.name: column.role for column in reference.grid.columns} == {
        "x": "feature",
        "(prediction)": "prediction",
        "(label)": "label",
    }
    assert set(count(reference.grid, table).counts) == {"x"}
    three = fit_profile(table, prediction=np.full((4, 3), 1 / 3), label=np.arange(4.0))
    assert [type(column) for column in three.grid.columns] == [NumericGrid] * 4


def test_a_table_without_rows_is_counted_and_cannot_be_fitted() -> None:
    reference = fit_profile(Table({"x": np.arange(4.0)}), numeric=["x"])
    assert count(reference.grid, Table({"x": np.zeros(0)})).rows == 0
    with pytest.raises(InvalidInputError, match="at least one row"):
        fit_profile(Table({"x": np.zeros(0)}), numeric=["x"])


NUMBERS, NAMES = Table({"x": np.arange(4.0)}), Table({"x": categories(list("abca"))})


def both_with_and_without_label() -> Profile:
    labelled = fit_profile(NUMBERS, numeric=["x"], label=np.arange(4.0))
    return labelled.merge(count(labelled.grid, NUMBERS))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit_profile(NUMBERS, numeric=["y"]), "must have column 'y', but it has"),
        (lambda: fit_profile(NUMBERS, categorical=["x"]), "'x' must hold strings, but got dtype float64"),
        (lambda: fit_profile(NAMES, numeric=["x"]), "'x' must hold numbers, but got dtype object"),
        (lambda: fit_profile(Table({"x": categories([1, "a"])}), categorical=["x"]), "but got 1"),  # type: ignore[list-item]
        (lambda: fit_profile(NUMBERS, numeric=["x", "x"]), "each column once"),
        (lambda: fit_profile(NUMBERS, numeric=["x"], max_cells=0), "max_cells must be at least 1, but got 0"),
        (lambda: fit_profile(NUMBERS, numeric=["(label)"]), "rename the feature"),
        (lambda: fit_profile(NUMBERS, label=[1]), r"label must have shape \(4,\), but got \(1,\)"),
        (lambda: fit_profile(NUMBERS, prediction=np.zeros((3, 1))), "prediction must have shape"),
        (lambda: count(fit_profile(NUMBERS, numeric=["x"]).grid, Table({})), r"lacks \['x'\]"),
        (
            lambda: count(fit_profile(NUMBERS, label=np.arange(4.0)).grid, NUMBERS, label=["a"] * 4),
            "must hold numbers as in the reference",
        ),
        (
            lambda: fit_profile(NUMBERS, numeric=["x"]).merge(fit_profile(NAMES, categorical=["x"])),
            "share a grid",
        ),
        (both_with_and_without_label, "same columns"),
    ],
)
def test_an_unusable_argument_is_named_with_its_bound_and_value(call: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()  # type: ignore[operator]


def stored(text: str) -> bytes:
    return gzip.compress(text.encode())


def test_a_changed_byte_another_format_and_another_version_are_refused() -> None:
    text = gzip.decompress(to_bytes(fit_profile(NUMBERS, numeric=["x"]))).decode()
    with pytest.raises(IntegrityError, match="sha256"):
        from_bytes(stored(text.replace('"rows":4', '"rows":5')))
    for wrong in ("{}", "[]", "not json", json.dumps({**json.loads(text), "format": "other"})):
        with pytest.raises(IntegrityError, match="not a contender-profile file"):
            from_bytes(stored(wrong))
    for damaged in (b"", text.encode(), stored(text)[:-9]):
        with pytest.raises(IntegrityError, match="not a contender-profile file"):
            from_bytes(damaged)
    with pytest.raises(InvalidInputError, match="version must be 2, but got 3"):
        from_bytes(stored(json.dumps({**json.loads(text), "version": 3})))

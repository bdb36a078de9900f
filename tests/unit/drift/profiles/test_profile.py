"""Profiles: exact merges, grids that survive any distribution, a stored form that cannot rot unseen."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.grid import CategoricalGrid, NumericGrid, ProfileGrid
from contender.drift.profiles.profile import Profile, from_bytes, to_bytes
from contender.errors import IntegrityError, InvalidInputError
from contender.table import Categories, Table

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
    apart = count_profile(grid, Table({"x": first})).merge(count_profile(grid, Table({"x": second})))
    assert apart == count_profile(grid, Table({"x": np.concatenate([first, second])}))


@given(ANY_LEVELS, ANY_LEVELS, ANY_LEVELS)
def test_merged_categories_are_the_profile_of_both_tables_together(
    fitted: list[str | None], first: list[str | None], second: list[str | None]
) -> None:
    grid = fit_profile(Table({"x": categories(fitted)}), categorical=["x"], max_levels=3, frequent_share=0.2).grid
    apart = count_profile(grid, Table({"x": categories(first)})).merge(
        count_profile(grid, Table({"x": categories(second)}))
    )
    assert apart == count_profile(grid, Table({"x": categories(first + second)}))


ROWS = st.lists(
    st.tuples(
        st.floats(allow_nan=True, allow_infinity=True),
        st.one_of(st.none(), st.sampled_from("abcdefgh")),
        st.sampled_from(["monday", "tuesday", "wednesday"]),
    ),
    max_size=40,
)


def table_of(rows: list[tuple[float, str | None, str]]) -> tuple[Table, np.ndarray]:
    """A number, a category, and each row's block."""
    columns = [[row[place] for row in rows] for place in range(3)]
    return Table({"x": np.array(columns[0], dtype=np.float64), "kind": categories(columns[1])}), np.array(columns[2])


def counted(grid: ProfileGrid, rows: list[tuple[float, str | None, str]]) -> Profile:
    """With all that a profile can count: features, predictions, losses, labels and blocks."""
    table, blocks = table_of(rows)
    return count_profile(grid, table, prediction=table["x"], loss=table["x"], label=table["kind"], blocks=blocks)


def grid_of(rows: list[tuple[float, str | None, str]], max_cells: int) -> ProfileGrid:
    table, _ = table_of(rows)
    extra = {"prediction": table["x"], "loss": table["x"], "label": table["kind"]}
    return fit_profile(table, numeric=["x"], categorical=["kind"], max_cells=max_cells, max_levels=4, **extra).grid


@given(ROWS.filter(bool), ROWS, ROWS, st.integers(1, 30))
def test_merged_profiles_with_blocks_are_the_profile_of_both_tables_together(
    fitted: list[tuple[float, str | None, str]],
    first: list[tuple[float, str | None, str]],
    second: list[tuple[float, str | None, str]],
    max_cells: int,
) -> None:
    grid = grid_of(fitted, max_cells)
    together = counted(grid, first + second)
    assert counted(grid, first).merge(counted(grid, second)) == together
    assert from_bytes(to_bytes(together)) == together


@given(ROWS.filter(bool), st.randoms())
def test_the_order_of_rows_changes_no_count_of_any_block(
    rows: list[tuple[float, str | None, str]], random: object
) -> None:
    grid, shuffled = grid_of(rows, 20), list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    plain, other = counted(grid, rows), counted(grid, shuffled)
    assert other.counts == plain.counts
    assert set(other.blocks.labels) == set(plain.blocks.labels)
    places = [other.blocks.labels.index(label) for label in plain.blocks.labels]
    for name, by_block in plain.blocks.counts.items():
        assert other.blocks.counts[name][places].tolist() == by_block.tolist()


@given(ROWS.filter(bool))
def test_blocks_add_up_to_the_whole(rows: list[tuple[float, str | None, str]]) -> None:
    profile = counted(grid_of(rows, 20), rows)
    for grid in profile.grid.columns:
        total = profile.blocks.counts[grid.name].sum(axis=0)
        cells = profile.counts[grid.name].cells
        assert total[:-1].tolist() == np.add.reduceat(cells, grid.block_starts).tolist()
        assert total[-1] == profile.counts[grid.name].missing


def test_merging_three_profiles_does_not_depend_on_how_they_are_grouped() -> None:
    random = np.random.default_rng(4)
    parts = [random.standard_cauchy(size=size) * 1e3 for size in (1, 10, 5000)]
    grid = fit_profile(Table({"x": parts[2]}), numeric=["x"]).grid
    first, second, third = (count_profile(grid, Table({"x": part})) for part in parts)
    assert first.merge(second).merge(third) == first.merge(second.merge(third)) == third.merge(first).merge(second)


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


@pytest.mark.slow  # a profile of sixty days
def test_twenty_five_features_of_sixty_days_are_stored_in_less_than_a_megabyte() -> None:
    random, rows = np.random.default_rng(3), 60_000
    columns: dict[str, np.ndarray | Categories] = {f"n{i}": random.normal(size=rows) for i in range(20)}
    levels = tuple(f"level {i}" for i in range(20_000))
    columns |= {f"c{i}": Categories(levels, random.integers(0, 20_000, rows)) for i in range(5)}
    profile = fit_profile(
        Table(columns),
        numeric=[f"n{i}" for i in range(20)],
        categorical=[f"c{i}" for i in range(5)],
        prediction=random.random(rows),
        loss=random.random(rows),
        label=np.arange(rows) % 2,
        blocks=np.arange(rows) // 1000,
    )
    assert len(profile.blocks) == 60
    assert len(to_bytes(profile)) < 1_000_000


def test_few_levels_all_have_a_cell_and_of_many_only_the_frequent_ones() -> None:
    table = Table({"x": categories(["a"] * 6 + ["b"] * 2 + ["c", "d"])})
    closed = fit_profile(table, categorical=["x"]).grid.columns[0]
    assert isinstance(closed, CategoricalGrid)
    assert (closed.levels, closed.closed, closed.singles) == (("a", "b", "c", "d"), True, 2)
    reference = fit_profile(table, categorical=["x"], max_levels=3, frequent_share=0.2)
    grid = reference.grid.columns[0]
    assert isinstance(grid, CategoricalGrid)
    assert (grid.levels, grid.closed, grid.cell_names) == (("a", "b"), False, ("a", "b", "(other)"))
    assert count_profile(reference.grid, Table({"x": categories(["z", "y", "b"])})).counts["x"].other_examples == (
        "y",
        "z",
    )


@given(ANY_NUMBERS)
def test_the_mean_of_values_near_the_reference_is_kept_to_a_hundred_millionth_of_its_range(
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
    assert set(count_profile(reference.grid, table).counts) == {"x"}
    three = fit_profile(table, prediction=np.full((4, 3), 1 / 3), label=np.arange(4.0))
    assert [type(column) for column in three.grid.columns] == [NumericGrid] * 4


def test_a_table_without_rows_is_counted_and_cannot_be_fitted() -> None:
    reference = fit_profile(Table({"x": np.arange(4.0)}), numeric=["x"], blocks=[1, 1, 2, 2])
    empty = count_profile(reference.grid, Table({"x": np.zeros(0)}), blocks=[])
    assert (empty.rows, len(empty.blocks)) == (0, 0)
    assert reference.merge(empty) == reference == empty.merge(reference)
    assert count_profile(reference.grid, Table({"x": np.zeros(0)})).merge(reference) == reference
    with pytest.raises(InvalidInputError, match="at least one row"):
        fit_profile(Table({"x": np.zeros(0)}), numeric=["x"])


NUMBERS, NAMES = Table({"x": np.arange(4.0)}), Table({"x": categories(list("abca"))})


def both_with_and_without_label() -> Profile:
    labelled = fit_profile(NUMBERS, numeric=["x"], label=np.arange(4.0))
    return labelled.merge(count_profile(labelled.grid, NUMBERS))


def both_with_and_without_blocks() -> Profile:
    in_days = fit_profile(NUMBERS, numeric=["x"], blocks=[1, 1, 2, 2])
    return in_days.merge(count_profile(in_days.grid, NUMBERS))


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
        (lambda: count_profile(fit_profile(NUMBERS, numeric=["x"]).grid, Table({})), r"lacks \['x'\]"),
        (
            lambda: count_profile(fit_profile(NUMBERS, label=np.arange(4.0)).grid, NUMBERS, label=["a"] * 4),
            "must hold numbers as in the reference",
        ),
        (
            lambda: fit_profile(NUMBERS, numeric=["x"]).merge(fit_profile(NAMES, categorical=["x"])),
            "share a grid",
        ),
        (both_with_and_without_label, "same columns"),
        (both_with_and_without_blocks, "must both have blocks"),
        (lambda: fit_profile(NUMBERS, numeric=["x"], blocks=["monday"]), r"blocks must have shape \(4,\)"),
        (lambda: fit_profile(NUMBERS, numeric=["x"], loss=np.zeros(3)), r"loss must have shape \(4,\)"),
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
    with pytest.raises(InvalidInputError, match="version must be 4, but got 5"):
        from_bytes(stored(json.dumps({**json.loads(text), "version": 5})))


@pytest.mark.parametrize("blocks", [None, [1, 1, 2, 2]])
def test_any_flipped_bit_of_a_stored_profile_is_an_error_or_leaves_the_profile_as_it_was(
    blocks: list[int] | None,
) -> None:
    profile = fit_profile(NUMBERS, numeric=["x"], blocks=blocks)
    content = to_bytes(profile)
    refused = 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        try:
            # Some bits of gzip's header say nothing about the content.
            assert from_bytes(bytes(flipped)) == profile
        except IntegrityError:
            refused += 1
    assert refused > 0.95 * len(content)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("high", [5, 127, 10**6])
def test_whole_numbers_are_counted_as_the_same_floats(dtype: type, high: int) -> None:
    high = min(high, int(np.iinfo(dtype).max))
    low = max(-high - 1, int(np.iinfo(dtype).min))
    random = np.random.default_rng(6)
    reference, batch = (random.integers(low, high, size, endpoint=True).astype(dtype) for size in (9000, 3000))
    fitted = fit_profile(Table({"x": reference}), numeric=["x"], max_cells=1000)
    assert fitted == fit_profile(Table({"x": reference.astype(np.float64)}), numeric=["x"], max_cells=1000)
    for rows in (batch, batch[:0], np.array([low, high, low], dtype=dtype)):
        assert count_profile(fitted.grid, Table({"x": rows})) == count_profile(
            fitted.grid, Table({"x": rows.astype(np.float64)})
        )


def test_whole_numbers_that_no_float_can_tell_apart_are_counted_as_floats_are() -> None:
    wide = np.array([2**62, 2**62 + 1, -(2**62)])
    near = np.array([2**60, 2**60 + 1, 2**60 + 9])
    for values in (wide, near):
        assert fit_profile(Table({"x": values}), numeric=["x"]).counts["x"].cells.sum() == 3
        assert fit_profile(Table({"x": values}), numeric=["x"]) == fit_profile(
            Table({"x": values.astype(np.float64)}), numeric=["x"]
        )

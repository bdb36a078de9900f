"""Looking at data frames: whatever their columns are, the pipeline file is valid and every column has its place."""

from __future__ import annotations

import datetime
import decimal
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.inspection import propose, read_frame, slug
from contender.adapters.files.readers import read_batch
from contender.data.contract.rows import check_rows
from contender.errors import InvalidInputError
from contender.pipeline.config import NAME_PATTERN, PipelineConfig, parse_pipeline

ROWS = 60


def frame(**columns: Any) -> pd.DataFrame:
    """A number, a category and a target, and what else is asked for."""
    base = {"amount": np.arange(ROWS) * 0.5, "kind": ["a", "b", "c"] * 20, "y": ["no", "yes"] * 30}
    return pd.DataFrame(base | columns)


def proposed(data: pd.DataFrame, target: str = "y", **options: str) -> PipelineConfig:
    """What is proposed, which has to load and to place every column of the file."""
    config = parse_pipeline(propose(data, source="data.csv", target=target, **options).text)
    placed = {*config.columns, *config.ignored}
    assert placed == {str(column) for column in data.columns}
    return config


def as_csv(data: pd.DataFrame) -> pd.DataFrame:
    """The frame as it is read back from a CSV file."""
    return read_frame(data.to_csv(index=False).encode(), "data.csv")


def as_parquet(data: pd.DataFrame) -> pd.DataFrame:
    buffer = io.BytesIO()
    data.to_parquet(buffer, index=False)
    return read_frame(buffer.getvalue(), "data.parquet")


@pytest.mark.parametrize("form", [as_csv, as_parquet])
class TestColumns:
    def test_numbers_are_numeric_and_few_texts_are_categories(self, form: Any) -> None:
        config = proposed(form(frame()))
        assert (config.numeric, config.categorical, config.ignored) == (("amount",), ("kind",), ())

    def test_booleans_are_categories(self, form: Any) -> None:
        config = proposed(form(frame(club=[True, False, False] * 20)))
        assert "club" in config.categorical

    @pytest.mark.parametrize(
        "moments",
        [
            pd.date_range("2026-01-01", periods=ROWS, freq="h"),
            pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC"),
            pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="Europe/Berlin"),
            [datetime.date(2026, 1, 1) + datetime.timedelta(days=day) for day in range(ROWS)],
        ],
        ids=["naive", "UTC", "Berlin", "dates"],
    )
    def test_the_only_time_stamps_order_the_rows(self, form: Any, moments: Any) -> None:
        assert proposed(form(frame(seen=moments))).time == "seen"

    def test_one_of_two_time_columns_is_not_guessed_and_neither_is_a_feature(self, form: Any) -> None:
        moments = pd.date_range("2026-01-01", periods=ROWS, freq="D")
        config = proposed(form(frame(seen=moments, left=moments + pd.Timedelta(hours=1))))
        assert (config.time, config.ignored) == ("", ("seen", "left"))

    def test_a_unique_id_names_the_rows(self, form: Any) -> None:
        assert proposed(form(frame(order_id=[f"o{number}" for number in range(ROWS)]))).row_id == "order_id"

    def test_constant_empty_and_free_text_columns_are_left_out(self, form: Any) -> None:
        notes = [f"note {number}" for number in range(ROWS)]
        config = proposed(form(frame(note=notes, always=["x"] * ROWS, never=[None] * ROWS)))
        assert config.ignored == ("note", "always", "never")

    @pytest.mark.parametrize("name", ["", "Unnamed: 0", "rownames"])
    def test_a_column_that_only_counts_the_rows_is_no_feature(self, form: Any, name: str) -> None:
        data = pd.concat([pd.DataFrame({name: range(1, ROWS + 1)}), frame()], axis=1)
        config = proposed(form(data))
        assert config.features == ("amount", "kind")
        assert config.row_id == name

    def test_numbers_with_gaps_stay_numeric(self, form: Any) -> None:
        gaps = pd.array([None, *range(1, ROWS)], dtype="Int64")
        assert "count" in proposed(form(frame(count=gaps))).numeric


class TestParquetTypes:
    def test_decimals_are_numbers(self) -> None:
        data = frame(price=[decimal.Decimal(number) / 4 for number in range(ROWS)])
        assert "price" in proposed(as_parquet(data)).numeric

    def test_pandas_categories_are_categories(self) -> None:
        data = frame(size=pd.Categorical(["S", "M", "L"] * 20))
        assert "size" in proposed(as_parquet(data)).categorical

    @pytest.mark.parametrize(
        "values",
        [
            [[number, 1] for number in range(ROWS)],
            [{"a": number} for number in range(ROWS)],
            [bytes([number]) for number in range(ROWS)],
            pd.to_timedelta(np.arange(ROWS), unit="h"),
        ],
        ids=["lists", "structs", "bytes", "durations"],
    )
    def test_a_column_that_no_model_can_take_is_left_out(self, values: Any) -> None:
        assert "odd" in proposed(as_parquet(frame(odd=values))).ignored

    def test_column_names_that_are_numbers_are_taken_as_text(self) -> None:
        data = pd.DataFrame({0: range(ROWS), 1: ["a", "b"] * 30})
        config = proposed(as_parquet(data), target="1")
        assert (config.target, config.numeric) == ("1", ("0",))


class TestTasks:
    @pytest.mark.parametrize(
        ("target", "task"),
        [
            (["yes", "no"] * 30, "binary"),
            ([0, 1] * 30, "binary"),
            ([True, False] * 30, "binary"),
            ([1.5, 2.5] * 30, "binary"),
            ([1, 2, 3] * 20, "multiclass"),
            (["a", "b", "c"] * 20, "multiclass"),
            ([0.5, 1.5, 2.5] * 20, "regression"),
            (list(range(ROWS)), "regression"),
            ([*range(ROWS - 1), None], "regression"),
            (["yes", "no", None] * 20, "binary"),
        ],
    )
    def test_the_task_follows_from_the_targets_values(self, target: list[Any], task: str) -> None:
        for form in (as_csv, as_parquet):
            assert proposed(form(frame(y=target))).task == task

    @pytest.mark.parametrize(
        ("target", "trouble"),
        [
            (["x"] * ROWS, "nothing can be learned"),
            ([None] * ROWS, "nothing can be learned"),
            ([f"text {number}" for number in range(ROWS)], "too many classes"),
        ],
    )
    def test_a_target_that_cannot_be_learned_is_refused(self, target: list[Any], trouble: str) -> None:
        with pytest.raises(InvalidInputError, match=trouble):
            proposed(as_csv(frame(y=target)))

    def test_a_column_that_stands_twice_is_refused_by_its_name(self) -> None:
        data = read_frame(b"a,y,a\n1,0,2\n3,1,4\n", "data.csv")
        with pytest.raises(InvalidInputError, match=r"'a'.*more than once"):
            proposed(data)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name
)


MIXTURES: dict[str, list[Any]] = {
    "booleans": [True, False] * 20,
    "gaps": [None, 1.5] * 20,
    "words for missing": ["a", "b", "NA", ""] * 10,
    "days": list(pd.date_range("2026-01-01", periods=40, freq="D")),
    "free text": [f"t{number}" for number in range(40)],
    "large and small": [10.0 ** (number - 20) for number in range(40)],
    "whole": list(range(40)),
}


@settings(max_examples=60)
@given(names=st.lists(NAMES, min_size=3, max_size=6, unique=True), source=NAMES, data=st.data())
def test_any_names_and_mixtures_of_types_give_a_file_that_loads_and_accepts_its_own_data(
    names: list[str], source: str, data: st.DataObject
) -> None:
    target, feature, *others = names
    columns = {name: MIXTURES[data.draw(st.sampled_from(sorted(MIXTURES)))] for name in others}
    table = pd.DataFrame({target: [0, 1] * 20, feature: np.arange(40) * 0.5, **columns})
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    proposal = propose(read_frame(buffer.getvalue(), "a.parquet"), source=source, target=target)
    config = parse_pipeline(proposal.text)
    assert NAME_PATTERN.match(config.name)
    assert {*config.columns, *config.ignored} == set(names)
    assert feature in config.numeric
    left_out = [name for name in config.ignored if not any(repr(name) in note for note in proposal.notes)]
    assert left_out == []
    assert check_rows(read_batch(buffer.getvalue(), "a.parquet", config), config).accepted.all()


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("My Data (2024).v2", "my-data-2024-v2"),
        ("2024", "p-2024"),
        ("数据", "p"),
        ("x" * 40, "x" * 30),
        ("--a--", "a"),
    ],
)
def test_any_text_becomes_a_pipeline_name(name: str, made: str) -> None:
    assert slug(name) == made
    assert NAME_PATTERN.match(made)


def test_a_file_that_is_sorted_by_its_target_is_pointed_out() -> None:
    frame = pd.DataFrame({"kind": ["a"] * 50 + ["b"] * 50 + ["c"] * 50, "size": range(150)}).astype(str)
    notes = " ".join(propose(frame, source="flowers.csv", target="kind").notes)
    assert "sorted by 'kind'" in notes
    assert "sorted by" not in " ".join(
        propose(frame[::-1].sample(frac=1, random_state=1), source="f", target="kind").notes
    )

"""Looking at data frames: whatever their columns are, the pipeline file is valid and every column has its place."""

from __future__ import annotations

import datetime
import decimal
import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from contender.adapters.files.inspection.columns import Columns, columns_of
from contender.adapters.files.inspection.pipeline_text import slug
from contender.adapters.files.inspection.propose import Overrules, Proposal, propose
from contender.adapters.files.readers import read_batch
from contender.data.contract.rows import check_rows
from contender.errors import InvalidInputError
from contender.pipeline.config import NAME_PATTERN, PipelineConfig, parse_pipeline

ROWS = 60


def frame(**columns: Any) -> pd.DataFrame:
    """A number, a category and a target, and what else is asked for."""
    base = {"amount": np.arange(ROWS) * 7 % 31 * 0.5, "kind": ["a", "b", "c"] * 20, "y": ["no", "yes"] * 30}
    return pd.DataFrame(base | columns)


def proposed(data: Columns, target: str = "y", **options: Any) -> PipelineConfig:
    """What is proposed, which has to load and to place every column of the file."""
    config = parse_pipeline(propose(data, source="data.csv", target=target, **options).text)
    placed = {*config.columns, *config.ignored}
    assert placed == set(data)
    return config


def as_csv(data: pd.DataFrame) -> Columns:
    """The frame as it is read back from a CSV file."""
    texts = pd.read_csv(io.StringIO(data.to_csv(index=False)), dtype=str, keep_default_na=False)
    return columns_of(texts.rename(columns={"Unnamed: 0": str(data.columns[0])}).replace("", None))


def as_parquet(data: pd.DataFrame) -> Columns:
    buffer = io.BytesIO()
    data.rename(columns=str).to_parquet(buffer, index=False)
    table = pq.read_table(buffer)
    return {name: table[name] for name in table.column_names}


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
        data = pd.DataFrame({0: np.arange(ROWS) * 7 % 31, 1: ["a", "b"] * 30})
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
    table = pd.DataFrame({target: [0, 1] * 20, feature: np.arange(40) * 7 % 31 * 0.5, **columns})
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    proposal = propose(as_parquet(table), source=source, target=target)
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


def said(data: Columns, target: str = "y", **options: Any) -> Proposal:
    return propose(data, source="data.csv", target=target, **options)


def trouble(data: Columns, target: str = "y", **options: Any) -> str:
    return " ".join(said(data, target, **options).trouble)


def test_a_file_that_is_sorted_by_its_target_is_pointed_out() -> None:
    data = pd.DataFrame({"kind": ["a"] * 50 + ["b"] * 50 + ["c"] * 50, "size": np.arange(150) * 7 % 31}).astype(str)
    assert "sorted by 'kind'" in trouble(columns_of(data), "kind")
    assert "sorted by" not in trouble(columns_of(data.sample(frac=1, random_state=1)), "kind")


MANY = 400


def many(**columns: Any) -> Columns:
    """Noise of four hundred rows."""
    random = np.random.default_rng(7)
    base = {
        "amount": random.normal(50, 9, MANY).round(2),
        "kind": random.choice(["a", "b", "c"], MANY),
        "y": random.choice(["no", "yes"], MANY),
    }
    return columns_of(pd.DataFrame(base | columns).astype(str).replace("None", None))


class TestNumbers:
    def test_one_faulty_cell_in_a_thousand_does_not_make_a_number_a_category(self) -> None:
        data = many(size=["about 7", *(str(number % 37) for number in range(1, MANY))])
        assert "size" in proposed(data).numeric
        assert "'size': 1 cells are no number" in trouble(data)

    def test_words_among_numbers_count_as_missing_and_are_written_down(self) -> None:
        data = many(size=["unknown" if number % 10 == 0 else str(number % 37) for number in range(MANY)])
        config = proposed(data)
        assert "size" in config.numeric
        assert "unknown" in config.missing
        assert "'size': 'unknown' (40) taken for missing" in trouble(data)

    def test_a_word_that_is_a_value_elsewhere_is_not_written_down(self) -> None:
        words = ["unknown" if number % 10 == 0 else str(number % 37) for number in range(MANY)]
        assert "unknown" not in proposed(many(size=words, kind=["unknown", "b"] * (MANY // 2))).missing

    def test_texts_that_a_person_names_are_the_ones_that_count_as_missing(self) -> None:
        data = many(kind=["b", "unknown", "NA", "c"] * (MANY // 4))
        config = proposed(data, overrules=Overrules(missing=("unknown",)))
        assert config.missing == ("unknown",)
        sight = next(
            each for each, _ in said(data, overrules=Overrules(missing=("unknown",))).columns if each.name == "kind"
        )
        assert (sight.distinct, sight.missing, sight.said) == (3, 100, ("missing: 100 × 'unknown'",))

    def test_codes_are_texts(self) -> None:
        data = many(
            zip=[f"{number % 9 * 1000 + 67:05d}" for number in range(MANY)],
            shop_id=[str(100 + number % 12) for number in range(MANY)],
            shop=[str(5550001112223334401 + number * 7 % 12) for number in range(MANY)],
        )
        assert set(proposed(data).categorical) == {"kind", "zip", "shop_id", "shop"}

    def test_comma_columns_set_the_decimal_sign(self) -> None:
        data = many(price=[f"{number * 37 % 101},5" for number in range(MANY)], amount=["1", "2"] * (MANY // 2))
        assert (proposed(data).decimal, "price" in proposed(data).numeric) == (",", True)
        assert proposed(many(), overrules=Overrules(decimal=",")).decimal == ","

    def test_a_number_that_rises_with_time_or_counts_the_rows_is_no_feature(self) -> None:
        days = [f"2024-01-{number // 20 + 1:02d}" for number in range(MANY)]
        meter = [str(1000 + number * 3 + number * 7 % 5) for number in range(MANY)]
        assert "meter" in proposed(many(day=days, meter=meter)).ignored
        assert "counter" in proposed(many(counter=[str(number) for number in range(MANY)])).ignored


class TestTimes:
    def test_eight_digits_are_days_where_name_or_order_say_so(self) -> None:
        days = [f"202401{number // 20 + 1:02d}" for number in range(MANY)]
        assert proposed(many(when=days)).time == "when"
        assert proposed(many(day=days[::-1])).time == "day"
        assert "amounts" in proposed(many(amounts=days[::-1])).numeric

    def test_milliseconds_are_the_time_only_where_the_file_is_sorted_by_them(self) -> None:
        moments = [1_700_000_000_000 + number * 60_000 for number in range(MANY)]
        assert proposed(many(at=list(map(str, moments)))).time == "at"
        assert "at" in proposed(many(at=[str(moments[number * 7 % MANY]) for number in range(MANY)])).numeric

    def test_days_first_are_written_down_for_files_that_leave_it_open(self) -> None:
        assert proposed(many(day=[f"{number // 14 + 1:02d}/01/2024" for number in range(MANY)])).day_first

    def test_where_day_and_month_cannot_be_told_apart_a_person_is_asked(self) -> None:
        data = many(day=[f"0{number // 50 + 1}/0{number % 9 + 1}/2024" for number in range(MANY)])
        with pytest.raises(InvalidInputError, match=r"'day' has dates like 01/01/2024.*--day-first or --month-first"):
            said(data)
        assert proposed(data, overrules=Overrules(day_first=True)).day_first
        assert proposed(data, overrules=Overrules(day_first=False)).time == "day"

    def test_two_orders_in_one_column_are_left_out_with_an_example_of_each(self) -> None:
        data = many(day=["31/01/2024", "01/31/2024"] * (MANY // 2))
        assert "'day' is ignored: day has dates with the day first" in " ".join(said(data).notes)


class TestTargets:
    def test_a_class_may_be_called_none(self) -> None:
        data = many(y=["Mild", "Severe", "Non", "Non"] * 100)
        data = {**data, "y": pa.chunked_array([pa.array(["Mild", "Severe", "None", "None"] * 100)])}
        config = proposed(data)
        assert config.task == "multiclass"
        assert "None" not in config.missing
        assert "NA" in config.missing

    def test_beside_numbers_none_is_no_class(self) -> None:
        amounts = [str(number * 7 % 101) for number in range(MANY)]
        data = many(y=["Non" if number % 4 == 0 else amount for number, amount in enumerate(amounts)])
        data = {**data, "y": pa.chunked_array([pc.replace_substring(data["y"].combine_chunks(), "Non", "None")])}
        assert proposed(data).task == "regression"

    def test_rows_without_a_target_are_counted(self) -> None:
        data = many(y=["yes", "no", "NA", "no"] * 100)
        assert proposed(data).task == "binary"
        assert "100 rows (25.0%) have no 'y' and were left out" in " ".join(said(data).notes)


@pytest.mark.parametrize(
    ("load", "task", "numeric"),
    [(load_iris, "multiclass", 4), (load_wine, "multiclass", 13), (load_breast_cancer, "binary", 30),
     (load_diabetes, "regression", 10)],
)  # fmt: skip
def test_sets_of_scikit_learn_are_seen_as_they_are(load: Any, task: str, numeric: int) -> None:
    data = load(as_frame=True).frame.sample(frac=1.0, random_state=1)
    config = proposed(as_csv(data), target="target")
    assert (config.task, len(config.numeric), config.categorical, config.ignored) == (task, numeric, (), ())
    assert "almost alone" not in trouble(as_csv(data), "target")


class TestTrouble:
    def test_noise_has_none(self) -> None:
        assert said(many()).trouble == ()

    def test_a_copy_of_the_target_is_pointed_out(self) -> None:
        labels = ["yes", "no", "no", "yes", "no"] * (MANY // 5)
        copy = [{"yes": "late", "no": "in time"}[label] for label in labels]
        assert "'copy' predicts 'y' almost alone (AUC 1.000" in trouble(many(y=labels, copy=copy))

    def test_a_number_that_is_the_target_in_another_unit_is_pointed_out(self) -> None:
        metres = np.random.default_rng(1).normal(100, 20, MANY)
        data = many(y=metres.round(1), feet=(metres * 3.28).round(1))
        assert "'feet' predicts 'y' almost alone (R² 1.000" in trouble(data)

    def test_rare_classes_and_classes_that_no_new_row_has_are_pointed_out(self) -> None:
        found = trouble(many(y=["rare"] * 7 + ["no", "yes", "yes"] * 131))
        assert "class 'rare' has 7 rows" in found
        assert "the newest fifth of the rows has no 'rare'" in found

    def test_gaps_in_time_are_pointed_out(self) -> None:
        days = np.arange(MANY) // 20 + np.where(np.arange(MANY) >= 200, 60, 0)
        stamps = (np.datetime64("2024-01-01") + days).astype(str)
        assert "no rows between 2024-01-10 and 2024-03-11 (61 days; usually 1)" in trouble(many(day=stamps))

    def test_rows_in_the_future_are_counted(self) -> None:
        stamps = (np.datetime64("2024-01-01") + np.arange(MANY) // 20).astype(str)
        latest = np.datetime64("2024-01-15", "s").astype(np.float64)
        assert "'day': 100 rows are in the future" in trouble(many(day=stamps), latest=latest)
        assert "future" not in trouble(many(day=stamps))

    def test_repeated_rows_and_ids_are_pointed_out(self) -> None:
        half = many()
        twice = {name: pa.chunked_array([*cells.chunks, *cells.chunks]) for name, cells in half.items()}
        assert "406 rows (51%) repeat another one" in trouble(twice)
        ids = many(order=[f"o{number // 2}" for number in range(MANY)])
        assert "'order' repeats in 200 rows" in trouble(ids, row_id="order")

    def test_a_column_that_is_mostly_missing_is_pointed_out(self) -> None:
        assert "'note' is missing in 75% of the rows" in trouble(
            many(note=["a", None, None, None] * 50 + ["b", None, None, None] * 50)
        )


def test_every_column_has_a_place_examples_and_a_reason() -> None:
    found = {each.name: (place, each) for each, place in said(many(zip=["01067", "10115"] * (MANY // 2))).columns}
    place, sight = found["zip"]
    assert (place, sight.examples, sight.why) == ("categorical", ("01067", "10115"), "a code: 200 cells begin with 0")

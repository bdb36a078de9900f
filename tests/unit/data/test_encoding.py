"""Categories become level numbers, the same in training and in serving, whatever comes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.encoding import FeatureEncoding, encode
from contender.data.fit_encoding import MAX_LEVELS, fit_encoding, frequent_levels
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import Table

values = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "é", "NaN", ""])), max_size=40)


def column(listed: list[str | None]) -> Any:
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def config_of(**training: Any) -> PipelineConfig:
    return PipelineConfig(
        name="trial",
        task="binary",
        target="y",
        numeric=("area",),
        categorical=("kind",),
        training=TrainingPolicy(**training),
    )


@given(values, values)
def test_a_known_level_is_its_position_and_everything_else_is_missing(
    seen: list[str | None], later: list[str | None]
) -> None:
    levels = frequent_levels(seen, min_rows=1)
    encoded = FeatureEncoding("kind", "categorical", levels).encode(column(later))

    assert encoded.dtype == np.float32
    for value, number in zip(later, encoded.tolist(), strict=True):
        if value in levels:
            assert levels[int(number)] == value
        else:
            assert np.isnan(number)


@given(values, st.integers(1, 5))
def test_levels_are_frequent_enough_and_the_most_frequent_come_first(seen: list[str | None], min_rows: int) -> None:
    levels = frequent_levels(seen, min_rows)
    counts = [seen.count(level) for level in levels]

    assert counts == sorted(counts, reverse=True)
    assert set(levels) == {value for value in seen if value is not None and seen.count(value) >= min_rows}


def test_no_more_than_255_levels_are_known() -> None:
    seen = [f"level-{number:03d}" for number in range(300) for _ in range(2)]

    assert frequent_levels(seen, min_rows=1) == tuple(sorted(set(seen)))[:MAX_LEVELS]


def test_equally_frequent_levels_do_not_depend_on_the_order_of_rows() -> None:
    assert frequent_levels(["b", "a", "c", "a", "b"], 1) == frequent_levels(["a", "b", "b", "a", "c"], 1)


def test_numbers_stay_as_they_are_and_infinities_are_missing() -> None:
    numbers = np.array([1.5, -0.0, np.nan, np.inf, -np.inf, 1e300, 16_777_217.0])
    encoded = FeatureEncoding("area", "numeric").encode(numbers)

    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded, [1.5, 0.0, np.nan, np.nan, np.nan, np.nan, 16_777_216.0])


def test_features_stand_in_the_pipelines_order_whatever_the_tables_is() -> None:
    table = Table({"kind": column(["u", "v", "v"]), "y": column(["0", "1", "1"]), "area": np.array([1.0, 2, 3])})
    encodings = fit_encoding(table, config_of(min_level_rows=2))

    assert [encoding.name for encoding in encodings] == ["area", "kind"]
    assert encodings[1].levels == ("v",)
    np.testing.assert_array_equal(encode(table, encodings), [[1, np.nan], [2, 0], [3, 0]])


def test_an_empty_table_is_an_empty_matrix() -> None:
    encodings = (FeatureEncoding("area", "numeric"), FeatureEncoding("kind", "categorical", ("u",)))

    assert encode(Table({"area": np.array([]), "kind": column([])}), encodings).shape == (0, 2)


def test_an_encoding_survives_json() -> None:
    for encoding in (FeatureEncoding("area", "numeric"), FeatureEncoding("kind", "categorical", ("é", "a"))):
        assert FeatureEncoding.from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


def test_a_table_without_a_feature_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="it lacks kind"):
        encode(Table({"area": np.array([1.0])}), (FeatureEncoding("kind", "categorical"),))


@pytest.mark.parametrize(
    ("kind", "levels", "message"),
    [
        ("text", (), "must be numeric or categorical, but got 'text'"),
        ("numeric", ("a",), "is numeric and cannot have levels, but got 1"),
        ("categorical", ("a", "b", "a"), "must differ from each other"),
    ],
)
def test_an_impossible_encoding_is_refused(kind: Any, levels: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        FeatureEncoding("kind", kind, levels)


def test_serving_can_encode_without_what_only_training_needs() -> None:
    code = (
        "import sys, contender.data.encoding; "
        "print([name for name in ('scipy', 'pandas', 'sklearn', 'boto3') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"

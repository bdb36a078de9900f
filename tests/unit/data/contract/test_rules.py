"""The rules of a row: which rows break them, what is said of each, and the same by batches as at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import NOTHING_EXPECTED, Expected
from contender.data.contract.file_state import FileState, check_batch
from contender.data.contract.findings import Places
from contender.data.contract.judgement import refusal
from contender.data.contract.rows import check_rows, hold_to_contract
from contender.data.contract.rules import broken_rules
from contender.data.contract.typed_columns import TypedColumns
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig, ValidationPolicy
from contender.table import Categories, Table

CONFIG = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), categorical=("z",))


def text(*values: str | None) -> np.ndarray[Any, Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def batch(**columns: Any) -> ParsedBatch:
    rows = len(next(iter(columns.values())))
    filled = {"x": np.zeros(rows), "z": text(*["a"] * rows), "y": text(*(["yes", "no"] * rows)[:rows])}
    return ParsedBatch(Table(filled | columns))


def with_contract(**columns: ColumnContract) -> PipelineConfig:
    return replace(CONFIG, contract=columns, validation=ValidationPolicy(max_rejected_fraction=1.0))


def rejected(found: ParsedBatch, config: PipelineConfig) -> list[int]:
    return sorted(hold_to_contract(found, config).rejected)


ONE_TO_TEN = np.arange(1.0, 11.0)
HALF_EMPTY = np.array([1.0, 2.0, 3.0, 4.0, 5.0, *[np.nan] * 5])


class TestCasesOfGreatExpectations:
    """Data and expected rows of its own tests, tests/test_definitions/column_map_expectations/*.json."""

    @pytest.mark.parametrize(
        ("values", "low", "high", "rows"),
        [
            (ONE_TO_TEN, 1, 10, []),
            (ONE_TO_TEN, 0, 20, []),
            (ONE_TO_TEN, None, 20, []),
            (ONE_TO_TEN, 0, None, []),
            (ONE_TO_TEN, 1, 9, [9]),
            (ONE_TO_TEN, 3, 10, [0, 1]),
            (HALF_EMPTY, 1, 4, [4]),
        ],
    )
    def test_values_to_be_between(self, values: Any, low: float | None, high: float | None, rows: list[int]) -> None:
        assert rejected(batch(x=values), with_contract(x=ColumnContract(min=low, max=high))) == rows

    @pytest.mark.parametrize(
        ("values", "pattern", "rows"),  # theirs may match anywhere, ours the whole value: `^a` is `a.*`
        [
            (("aaa", "abb", "acc", "add", "bee"), "a.*", [4]),
            (("aaa", "abb", "acc", "bdd", None), "a.*", [3]),
            ((None,) * 5, "a.*", []),
            (("aaa", "abb", "acc", "bdd", None), "", []),
            (("aaa", "abb", "acc", "bdd", None), "[ab]{1}[a-d]{2}", []),
            (("aaa", "abb", "acc", "add", "bee"), ".*b.*", [0, 2, 3]),
        ],
    )
    def test_values_to_match_a_pattern(self, values: tuple[str | None, ...], pattern: str, rows: list[int]) -> None:
        assert rejected(batch(z=text(*values)), with_contract(z=ColumnContract(pattern=pattern))) == rows

    @pytest.mark.parametrize(
        ("allowed", "rows"),
        [(("hello", "jello", "mello"), []), (("hello", "jello"), [2]), (("3",), [0, 1, 2]), ((), [])],
    )
    def test_values_to_be_in_a_set(self, allowed: tuple[str, ...], rows: list[int]) -> None:
        found = batch(z=text("hello", "jello", "mello"))
        assert rejected(found, with_contract(z=ColumnContract(allowed=allowed))) == rows

    @pytest.mark.parametrize(
        ("values", "rows"),
        [((4, 5, None, 7), [2]), ((None, None, 5, 6), [0, 1]), ((None, None, None, 5), [0, 1, 2]), ((1, 2, 3, 4), [])],
    )
    def test_values_not_to_be_null(self, values: tuple[float | None, ...], rows: list[int]) -> None:
        found = batch(x=np.array([np.nan if value is None else value for value in values]))
        assert rejected(found, with_contract(x=ColumnContract(required=True))) == rows


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("columns", "contract", "said"),
        [
            ({"x": np.array([5.0, 999999.0])}, {"x": ColumnContract(max=550.0)}, "x is 999999, more than 550"),
            ({"x": np.array([5.0, -1.5])}, {"x": ColumnContract(min=0.0)}, "x is -1.5, less than 0"),
            (
                {"z": text("01067", "1067")},
                {"z": ColumnContract(pattern="[0-9]{5}")},
                "z is '1067', which does not match '[0-9]{5}'",
            ),
            (
                {"z": text("basic", "basics")},
                {"z": ColumnContract(allowed=("basic", "plus"))},
                "z is 'basics', which is not allowed (basic, plus); is 'basic' meant?",
            ),
            ({"z": text("a", None)}, {"z": ColumnContract(required=True)}, "z is missing"),
        ],
    )
    def test_of_a_row_is_the_value_and_what_was_expected(
        self, columns: dict[str, Any], contract: dict[str, ColumnContract], said: str
    ) -> None:
        assert hold_to_contract(batch(**columns), with_contract(**contract)).rejected == {1: said}

    def test_of_a_kind_is_its_count_its_first_lines_and_the_remedy(self) -> None:
        found = replace(batch(x=np.full(40, 1e6)), places=Places(lambda row: row + 2, "line"))
        (kind,) = hold_to_contract(found, with_contract(x=ColumnContract(max=10.0))).findings
        assert kind.to_dict(found.places) == {
            "column": "x",
            "rule": "more than 10",
            "count": 40,
            "first_lines": [2, 3, 4, 5, 6],
            "examples": ["is 1000000, more than 10"],
            "remedy": "correct it, or change contract.x.max",
        }

    def test_of_a_label_with_a_blank_or_in_other_letters_names_the_known_one(self) -> None:
        expected = Expected(classes=("no", "yes"))
        checked = hold_to_contract(batch(y=text("no", "YES", "maybe")), with_contract(), expected)
        assert checked.rejected == {
            1: "y is 'YES', which is no class so far (no, yes); is 'yes' meant?",
            2: "y is 'maybe', which is no class so far (no, yes)",
        }

    @pytest.mark.slow  # of long texts
    def test_fits_into_the_state_of_a_run_whatever_the_file_says(self) -> None:
        rows, long = 400, "x" * 10_000
        columns = {f"{long}{number}": np.zeros(rows) for number in range(100)}
        unreadable = {name: dict.fromkeys(range(rows), long) for name in columns}
        config = PipelineConfig(name="shop", task="binary", target="y", numeric=tuple(columns))
        table = Table(columns | {"y": text(*["a", "b"] * (rows // 2))})
        checked = hold_to_contract(ParsedBatch(table, unreadable), config)
        said = refusal(checked.state, config, NOTHING_EXPECTED)
        assert "400 of 400 rows" in said
        assert "and 95 more kinds" in said
        assert len(said) < 4_000
        assert len(checked.findings) == 20


CELLS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 5.0, 50.0, float("nan")]),
        st.sampled_from(["a", "b", "new", None]),
        st.sampled_from(["yes", "no", "NO", None]),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(cells=CELLS, cuts=st.lists(st.integers(0, 30), max_size=4), late=st.booleans())
def test_a_file_in_batches_is_judged_as_it_is_at_once(cells: list[Any], cuts: list[int], late: bool) -> None:
    x, z, y = zip(*cells, strict=True)
    whole = batch(x=np.array(x), z=text(*z), y=text(*y))
    contract = {
        "x": ColumnContract(max=10.0, max_missing=0.4),
        "z": ColumnContract(pattern="[a-z]", required=True, max_unseen=0.3),
    }
    config = replace(CONFIG, contract=contract, validation=ValidationPolicy(late_labels=late))
    expected = Expected(classes=("no", "yes"), levels={"z": frozenset("a")})
    at_once, state, accepted = check_batch(whole, config, expected), FileState(), []
    edges = sorted({0, len(cells), *(cut for cut in cuts if cut < len(cells))})
    for start, end in itertools.pairwise(edges):
        piece = ParsedBatch(whole.table.select_rows(np.arange(start, end)))
        checked = check_batch(piece, config, expected, first_row=start)
        state, accepted = state.merge(checked.state), [*accepted, *checked.accepted.tolist()]
    assert accepted == at_once.accepted.tolist()
    for name in ("rows", "without_label", "rejected", "reasons", "passed", "waiting", "labels"):
        assert getattr(state, name) == getattr(at_once.state, name), name
    assert {key: (found.count, found.rows) for key, found in state.findings.items()} == {
        key: (found.count, found.rows) for key, found in at_once.state.findings.items()
    }
    assert bool(refusal(state, config, expected)) == bool(refusal(at_once.state, config, expected))


def test_numbered_levels_are_judged_as_texts() -> None:
    config = with_contract(z=ColumnContract(pattern="a"))
    plain = batch(z=text("a", "b", None))
    numbered = ParsedBatch(Table(plain.table.columns | {"z": Categories(("b", "c", "a"), np.array([2, 0, -1]))}))
    assert hold_to_contract(numbered, config).rejected == hold_to_contract(plain, config).rejected


def test_nothing_is_said_of_what_the_pipeline_file_does_not_mention() -> None:
    found = batch(x=np.array([-1e300, 1e300]), z=text("", "?"))
    assert list(broken_rules(TypedColumns(found), CONFIG, NOTHING_EXPECTED)) == []
    assert check_rows(found, CONFIG).accepted.all()

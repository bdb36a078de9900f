"""Which rows judge, and what people are told of the others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contender.comparison.compared_rows import compared_rows
from contender.data.relatives import groups_of
from contender.pipeline.config import PipelineConfig
from contender.table import Table

CONFIG = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",), group="customer")
EVERY = np.ones(4, dtype=np.bool_)


def of(names: str) -> Table:
    return Table({"customer": np.array(list(names), dtype=object)})


def test_where_nearly_all_rows_are_of_known_groups_the_remedy_is_told() -> None:
    found = compared_rows(CONFIG, of("abbb"), EVERY, {"v1": groups_of(of("b"), "customer")})
    assert found.sentence(least=100) == (
        "3 of 4 rows left out: their customer is in the training rows. That leaves 1, too few to compare models. "
        "Upload rows with new values of customer, or remove group from the pipeline file if the model is for known "
        "ones."
    )


def test_a_version_from_before_there_were_groups_is_named() -> None:
    found = compared_rows(CONFIG, of("abcd"), EVERY, {"v1": None, "v2": groups_of(of("a"), "customer")})
    assert (len(found.table), found.unknown) == (3, ("v1",))
    assert "v1 was trained before group was set" in found.sentence(1)


def test_a_row_that_an_earlier_upload_has_is_counted_once() -> None:
    first_seen = np.array([True, False, True, True])
    found = compared_rows(CONFIG, of("abcd"), EVERY, {"v1": groups_of(of("bc"), "customer")}, first_seen=first_seen)
    assert (found.left_out.known, found.left_out.related, len(found.table)) == (1, 1, 2)


@given(st.text("abcdef", min_size=1, max_size=30), st.text("abcdef", max_size=5), st.text("abcdef", max_size=5))
def test_no_row_that_judges_is_of_a_group_that_a_model_learned(rows: str, one: str, other: str) -> None:
    learned = {"v1": groups_of(of(one), "customer"), "v2": groups_of(of(other), "customer")}
    found = compared_rows(CONFIG, of(rows), np.ones(len(rows), dtype=np.bool_), learned)
    assert found.table["customer"].tolist() == [name for name in rows if name not in one + other]

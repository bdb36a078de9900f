"""The contract of a column in the pipeline file: both ways to write it, and what is wrong with it."""

from __future__ import annotations

import pytest

from contender.errors import PipelineFileError
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import overridden, parse_pipeline

FILE = """
name = "shop"
task = "binary"
target = "paid"
time = "day"
row_id = "order id"
numeric = ["amount"]
categorical = ["zip"]
ignored = ["note"]
"""


def test_may_be_written_on_a_line_or_as_a_table() -> None:
    lines = '[contract]\namount = { min = 0, max = 5.5 }\n"order id" = { pattern = "o[0-9]+" }\n'
    tables = '[contract.amount]\nmin = 0\nmax = 5.5\n[contract."order id"]\npattern = "o[0-9]+"\n'
    found = parse_pipeline(FILE + lines)
    assert found.contract == {
        "amount": ColumnContract(min=0.0, max=5.5),
        "order id": ColumnContract(pattern="o[0-9]+"),
    }
    assert parse_pipeline(FILE + tables) == found


def test_can_be_overridden_like_every_key() -> None:
    config = overridden(parse_pipeline(FILE + "[contract]\namount = { min = 0 }"), ["contract.amount.max=9"])
    assert config.contract == {"amount": ColumnContract(min=0.0, max=9.0)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("amont = { min = 0 }", "row_id or block is called 'amont'; did you mean amount?"),
        ("note = { required = true }", "contract.note: no feature, slice, target, row_id or block is called 'note'"),
        ("day = { min = 0 }", "contract.day: no feature"),
        ("zip = { min = 0 }", "contract.zip.min is for numbers, but zip holds texts; remove it"),
        ('amount = { pattern = "x" }', "contract.amount.pattern is for texts, but amount holds numbers; remove it"),
        ("amount = { max_unseen = 0.1 }", "contract.amount.max_unseen is for texts"),
        ("amount = { min = 5, max = 1 }", "contract.amount: min must be at most max (1), but got 5"),
        ('zip = { pattern = "[0-9" }', "contract.zip.pattern must be a regular expression, but got '[0-9'"),
        ("amount = { max_missing = 1.5 }", "contract.amount.max_missing must be at most 1.0, but got 1.5"),
        ("amount = { min = nan }", "contract.amount.min must be a finite number"),
        ("amount = { mim = 0 }", "unknown key contract.amount.mim; did you mean contract.amount.min?"),
        ("amount = 5", "contract.amount must be a table, but got 5; write [contract.amount]"),
        ("zip = { allowed = [1067] }", "contract.zip.allowed[0] must be text, but got 1067"),
    ],
)  # fmt: skip
def test_that_is_wrong_is_told_what_to_change(line: str, said: str) -> None:
    with pytest.raises(PipelineFileError) as refused:
        parse_pipeline(f"{FILE}[contract]\n{line}\n")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)

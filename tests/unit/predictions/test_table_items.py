"""The items of the table of predictions."""

from __future__ import annotations

import pytest

from contender.errors import InvalidInputError
from contender.predictions.log_messages import messages_of
from contender.predictions.table_items import minute_of, read_rows_item, rows_item
from tests.unit.predictions.records import POLICY, REQUEST, read, record


def test_an_item_holds_a_part_until_it_expires() -> None:
    (found,) = read(messages_of(record(), POLICY))
    item = rows_item(found, 30)
    assert (item["pk"], item["sk"]) == (REQUEST, "rows#0")
    assert item["expires_at"] == 1_700_000_001 + 30 * 86_400
    assert read_rows_item(item) == found


def test_a_damaged_item_is_told_from_a_record() -> None:
    with pytest.raises(InvalidInputError, match="cannot be unpacked"):
        read_rows_item({"body": b"no gzip"})


def test_a_minute_is_named_as_its_start() -> None:
    assert minute_of(119.9) == "1970-01-01T00:01Z"

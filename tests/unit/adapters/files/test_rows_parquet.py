"""The part of a dataset version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from contender.adapters.files.rows_parquet import write_rows
from contender.table import Categories, Table


def test_texts_that_repeat_have_a_dictionary_and_ids_have_none(tmp_path: Path) -> None:
    rows = 1_000
    shops = Categories(("north", "south"), np.arange(rows) % 2)
    orders = Categories(tuple(f"o{number}" for number in range(rows)), np.arange(rows))
    write_rows([Table({"shop": shops, "order": orders})], tmp_path / "part")
    group = pq.ParquetFile(tmp_path / "part").metadata.row_group(0)
    assert [group.column(place).has_dictionary_page for place in (0, 1)] == [True, False]
    read = pq.read_table(tmp_path / "part")
    assert read["shop"].to_pylist() == shops.to_objects().tolist()
    assert read["order"].to_pylist() == orders.to_objects().tolist()

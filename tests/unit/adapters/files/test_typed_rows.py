"""An upload as typed rows in a local file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from contender.adapters.files import typed_rows
from contender.adapters.files.read_ahead import read_ahead
from contender.adapters.files.typed_rows import open_upload
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig

CONFIG = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",))


def test_a_full_disk_refuses_the_file_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n")
    (tmp_path / "faults.jsonl").symlink_to("/dev/full")
    upload = open_upload(tmp_path / "a.csv", "a.csv", tmp_path, CONFIG)
    with pytest.raises(BatchRejectedError, match=r"the disk is full: .* split the file"):
        list(upload.batches())


def test_a_wide_file_has_fewer_rows_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_rows, "BATCH_CELLS", 5_000)
    names = [f"x{number}" for number in range(49)]
    row = ",".join(["0"] * len(names))
    (tmp_path / "a.csv").write_text("\n".join([",".join([*names, "y"]), *[f"{row},a", f"{row},b"] * 125]))
    config = PipelineConfig(name="wide", task="binary", target="y", numeric=tuple(names))
    upload = open_upload(tmp_path / "a.csv", "a.csv", tmp_path, config)
    assert [len(batch.table) for batch in upload.batches()] == [100, 100, 50]


def test_an_error_is_raised_where_its_item_would_be() -> None:
    def items() -> object:
        yield 1
        raise ValueError("broken")

    found = read_ahead(items())  # type: ignore[arg-type]
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_who_stops_early_leaves_no_thread_at_work() -> None:
    made: list[int] = []

    def items() -> object:
        for number in range(1_000):
            made.append(number)
            yield np.full(10, number)

    found = read_ahead(items())  # type: ignore[arg-type]
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(made) < 1_000


def test_a_time_column_may_be_a_number_to_learn_from_as_well(tmp_path: Path) -> None:
    """As the year of a film is; in batches, so that evidence of one reading meets the next."""
    films = PipelineConfig(name="films", task="binary", target="y", numeric=("year",), time="year")
    (tmp_path / "a.csv").write_text("year,y\n1999,a\n2001,b\n2003,a\n")
    batches = list(open_upload(tmp_path / "a.csv", "a.csv", tmp_path, films, rows=2).batches())
    assert [batch.table["year"].tolist() for batch in batches] == [[1999.0, 2001.0], [2003.0]]
    assert [batch.time.tolist() for batch in batches if batch.time is not None] == [[1999.0, 2001.0], [2003.0]]
    assert not batches[0].time_is_timestamp


def test_typed_rows_are_compressed_where_the_disk_might_not_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,a\n2,b\n" * 5_000)
    sizes, values = [], []
    for free in (1 << 40, 1_000):
        monkeypatch.setattr(typed_rows, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        upload = open_upload(tmp_path / "a.csv", "a.csv", tmp_path, CONFIG)
        values.append([batch.table["x"].tolist() for batch in upload.batches()])
        sizes.append((tmp_path / "typed.arrow").stat().st_size)
    assert values[0] == values[1]
    assert sizes[0] > 80_000 > 8 * sizes[1]

"""`init` on columns as people have them: each has its place, and an upload of the file keeps every value."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contender.pipeline.config import PipelineConfig, load_pipeline
from tests.cli.conftest import Contender
from tests.files_as_people_have_them.customers import customers
from tests.files_as_people_have_them.door import Door

ROWS = 1200
BASE = customers(20, rows=ROWS)
NUMBERS = np.random.default_rng(20).integers(0, 5_000, ROWS)
GAPS = np.arange(ROWS) % 90 == 5
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(NUMBERS % 300), unit="D")


@dataclass(frozen=True)
class Guess:
    """What `init` made of a file: its pipeline file and its answer as JSON."""

    body: bytes
    config: PipelineConfig
    answer: dict[str, Any]

    def place(self, column: str) -> str:
        """Where a column went."""
        (found,) = [each["place"] for each in self.answer["columns"] if each["column"] == column]
        return str(found)

    def rows(self) -> pd.DataFrame:
        """What an upload of the same file becomes; no row may be lost."""
        door = Door(self.config)
        report = door.receive(self.body)
        assert (report.status, report.rejected_rows) == ("accepted", 0), report.reason
        return door.rows(report)


Init = Callable[..., Guess]


@pytest.fixture
def init(contender: Contender, project: Path) -> Init:
    def run(frame: pd.DataFrame, *options: str) -> Guess:
        body = frame.to_csv(index=False).encode()
        (project / "data.csv").write_bytes(body)
        ended = contender("init", "data.csv", "--target", "churned", "--json", *options)
        assert ended.code == 0, ended.err
        return Guess(body, load_pipeline(project / "pipelines" / "data.toml"), json.loads(ended.out))

    return run


NUMERIC: dict[str, tuple[Sequence[str], Sequence[float]]] = {
    "dollars": ([f"${number:,.2f}" for number in NUMBERS], NUMBERS),
    "euros with decimal commas": ([f"{number},50 €" for number in NUMBERS], NUMBERS + 0.5),
    "thousands with commas": ([f"{number * 1000:,}" for number in NUMBERS], NUMBERS * 1000),
    "thousands with points": ([f"{number:,}".replace(",", ".") + ",5" for number in NUMBERS], NUMBERS + 0.5),
    "thousands with blanks": ([f"{number * 1000:,}".replace(",", " ") for number in NUMBERS], NUMBERS * 1000),
    "percent": ([f"{number / 50:.2f}%" for number in NUMBERS], NUMBERS / 50),
    "percent with a blank": ([f"{number / 50:.2f} %" for number in NUMBERS], NUMBERS / 50),
    "bookkeepers' negatives": (
        [f"({number + 1})" if number % 2 else str(number + 1) for number in NUMBERS],
        np.where(NUMBERS % 2, -1, 1) * (NUMBERS + 1),
    ),
    "powers of ten": ([f"{number}e3" for number in NUMBERS], NUMBERS * 1000),
    "plus signs": ([f"+{number}" for number in NUMBERS], NUMBERS),
    "question marks": (np.where(GAPS, "?", NUMBERS.astype(str)), np.where(GAPS, np.nan, NUMBERS)),
    "dashes": (np.where(GAPS, "-", NUMBERS.astype(str)), np.where(GAPS, np.nan, NUMBERS)),
    "errors of a spreadsheet": (np.where(GAPS, "#DIV/0!", NUMBERS.astype(str)), np.where(GAPS, np.nan, NUMBERS)),
    "all digits of a float": ([repr(number / 7) for number in NUMBERS.tolist()], NUMBERS / 7),
}


@pytest.mark.parametrize(("cells", "values"), NUMERIC.values(), ids=list(NUMERIC))
def test_numbers_as_people_write_them_are_numbers(init: Init, cells: Sequence[str], values: Sequence[float]) -> None:
    guess = init(BASE.assign(extra=cells))
    assert guess.place("extra") == "numeric"
    np.testing.assert_allclose(guess.rows()["extra"], values, rtol=1e-15)


CODES: dict[str, Sequence[str]] = {
    "postcodes with leading zeros": [("01067", "80331", "02110")[number % 3] for number in NUMBERS],
    "postcodes, some of five and some of nine digits": [("02110", "02110-1234")[number % 2] for number in NUMBERS],
    "codes with leading zeros": [f"{number % 40:04d}" for number in NUMBERS],
    "a few large whole numbers": [str(5_550_001_112_223_334_400 + number % 12) for number in NUMBERS],
    "versions": [("1.1", "1.9", "1.1.3")[number % 3] for number in NUMBERS],
    "booleans": [("True", "False")[number % 2] for number in NUMBERS],
    "yes and no": [("yes", "no")[number % 2] for number in NUMBERS],
    "sizes": [("S", "M", "L", "XL")[number % 4] for number in NUMBERS],
    "ranges": [("18-25", "26-40", "40+")[number % 3] for number in NUMBERS],
    "grades with a plus": [("A+", "A", "B-")[number % 3] for number in NUMBERS],
}


@pytest.mark.parametrize("cells", CODES.values(), ids=list(CODES))
def test_codes_are_categories_as_they_are_written(init: Init, cells: Sequence[str]) -> None:
    guess = init(BASE.assign(extra=cells))
    assert guess.place("extra") == "categorical"
    written = [cell.lower() if cell in ("True", "False") else cell for cell in cells]
    assert guess.rows()["extra"].tolist() == written


TIMES: dict[str, Sequence[str]] = {
    "ISO days": DAYS.strftime("%Y-%m-%d"),
    "ISO moments in a zone": DAYS.strftime("%Y-%m-%dT00:00:00+00:00"),
    "day first with slashes": DAYS.strftime("%d/%m/%Y"),
    "month first with slashes": DAYS.strftime("%m/%d/%Y"),
    "day first with points": DAYS.strftime("%d.%m.%Y"),
    "year first with slashes": DAYS.strftime("%Y/%m/%d"),
    "names of months": DAYS.strftime("%b %d, %Y"),
    "names of months in the middle": DAYS.strftime("%d-%b-%Y"),
    "whole numbers": DAYS.strftime("%Y%m%d"),
    "moments with AM and PM": DAYS.strftime("%m/%d/%Y 12:00:00 AM"),
}


@pytest.mark.parametrize("cells", TIMES.values(), ids=list(TIMES))
def test_dates_of_any_common_form_order_the_rows(init: Init, cells: Sequence[str]) -> None:
    guess = init(BASE.drop(columns="at").assign(day=cells))
    assert guess.config.time == "day"
    assert guess.config.features == ("amount", "visits", "plan")
    order = guess.rows()["_order"].to_numpy()
    np.testing.assert_array_equal(order, DAYS.to_numpy().astype("datetime64[s]").astype(float))


def test_dates_that_may_have_the_day_or_the_month_first_are_a_question(
    init: Init, contender: Contender, project: Path
) -> None:
    days = [f"{1 + number % 12:02d}/{1 + number // 110:02d}/2024" for number in range(ROWS)]
    frame = BASE.drop(columns="at").assign(day=days)
    frame.to_csv(project / "data.csv", index=False)
    asked = contender("init", "data.csv", "--target", "churned")
    assert asked.code != 0
    assert "--day-first" in asked.err
    guess = init(frame, "--day-first")
    assert (guess.config.time, guess.config.day_first) == ("day", True)
    assert str(guess.rows()["_block"][0]) == "2024-01-01"


NO_FEATURE: dict[str, Sequence[object]] = {
    "a number that rises with time": np.arange(ROWS) + 10_000,
    "free text": [f"called on {number} and {number + place}" for place, number in enumerate(NUMBERS)],
    "unique names": [f"{number:08x}-4c1e-{place:06d}" for place, number in enumerate(NUMBERS)],
    "always the same": ["EU"] * ROWS,
    "never a value": [None] * ROWS,
}


@pytest.mark.parametrize("cells", NO_FEATURE.values(), ids=list(NO_FEATURE))
def test_what_no_model_can_use_is_no_feature(init: Init, cells: Sequence[object]) -> None:
    guess = init(BASE.assign(extra=cells))
    assert guess.config.features == ("amount", "visits", "plan")
    assert len(guess.rows()) == ROWS


TROUBLE: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a column that says the target": (lambda frame: frame.assign(code="c" + frame["churned"]), "code"),
    "a rare class": (lambda frame: frame.assign(churned=np.where(np.arange(ROWS) % 200 == 7, "Yes", "No")), "Yes"),
    "rows that repeat": (lambda frame: pd.concat([frame, frame.head(300)]), "300"),
    "a gap of a month": (lambda frame: frame[~frame["at"].between("2024-01-15", "2024-02-20")], "gap|2024-01-14|days"),
}


@pytest.mark.parametrize(("spoil", "word"), TROUBLE.values(), ids=list(TROUBLE))
def test_what_will_go_wrong_is_said_at_once(
    init: Init, spoil: Callable[[pd.DataFrame], pd.DataFrame], word: str
) -> None:
    said = " ".join(init(spoil(BASE)).answer["trouble"])
    assert any(each in said for each in word.split("|")), said


def test_a_faulty_cell_in_a_thousand_makes_no_category_of_a_number(init: Init) -> None:
    guess = init(BASE.assign(extra=np.where(np.arange(ROWS) == 700, "12 apples", NUMBERS.astype(str))))
    assert guess.place("extra") == "numeric"
    report = Door(guess.config).receive(guess.body)
    assert (report.rows, report.rejected_rows) == (ROWS - 1, 1)
    assert "'12 apples'" in report.reason


@pytest.mark.parametrize("name", ["None", "NA", "n/a"])
def test_a_class_may_have_the_name_of_nothing(init: Init, name: str) -> None:
    guess = init(BASE.assign(churned=BASE["churned"].replace("No", name)))
    assert guess.config.task == "binary"
    assert set(guess.rows()["churned"]) == {"Yes", name}


def test_rows_without_a_target_are_counted(init: Init) -> None:
    guess = init(BASE.assign(churned=BASE["churned"].where(BASE.index % 100 != 3)))
    assert "12 rows" in " ".join(guess.answer["notes"])

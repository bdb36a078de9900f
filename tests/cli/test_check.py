"""`contender check`: the verdict of an upload without one, for people, for scripts and for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contender.cli.file_check import Uploads, check_file
from tests.cli.conftest import Contender
from tests.unit.data.test_intake import CONFIG, ROWS, csv
from tests.unit.data.test_intake import Uploads as Bucket

GOOD = "amount,bought\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(100))
CONTRACT = "\n[contract]\namount = { min = 0, max = 500 }\n"


@pytest.fixture
def file(project: Path) -> Path:
    path = project / "pipelines" / "sales.toml"
    path.write_text(path.read_text() + CONTRACT)
    return project / "january.csv"


def checked(contender: Contender, file: Path, body: str, *options: str) -> tuple[int, Any]:
    file.write_text(body)
    ended = contender("check", str(file), "--pipeline", "sales", "--offline", "--json", *options)
    return ended.code, json.loads(ended.out)


def test_a_good_file_is_accepted(file: Path, contender: Contender) -> None:
    code, found = checked(contender, file, GOOD)
    assert (code, found["verdict"], found["rows"], found["accepted_rows"]) == (0, "accepted", 100, 100)
    assert (found["read_as"], found["kinds"], found["earlier_rows"]) == ("CSV with commas, utf-8", [], None)


def test_a_few_faulty_rows_are_shown_with_their_lines_and_fail_only_a_strict_check(
    file: Path, contender: Contender
) -> None:
    body = GOOD + "\n9999,no\ntwelve,yes\n"  # after a blank line, which counts
    code, found = checked(contender, file, body)
    assert (code, found["verdict"], found["rejected_rows"]) == (0, "accepted", 2)
    assert [(kind["column"], kind["rule"], kind["count"], kind["first_lines"]) for kind in found["kinds"]] == [
        ("amount", "more than 500", 1, [103]),
        ("amount", "not a number", 1, [104]),
    ]
    assert checked(contender, file, body, "--strict")[0] == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "amont,bought\n1,yes\n",
            "the file has amont, bought (is 'amont' meant to be 'amount'?)",
        ),
        ("amount,bought,extra\n1,yes,2\n", "column extra not in the data contract"),
        ("", "the file is empty"),
        ("amount,bought\n", "no rows"),
        ("amount,bought\n1,yes\n2\n", "line 3 has 1 cells, but the header has 2"),
        (GOOD.replace(",no", ",").replace(",yes", ","), "target bought has no value in any row"),
        (GOOD.replace(",no", ",No"), "accepted"),
        (GOOD + "x,no\n" * 10, "10 of 110 rows violate the data contract (9.1%; the limit is 5.0%): 10 × amount"),
    ],
)
def test_a_file_that_an_upload_would_refuse_is_refused_with_the_reason(
    body: str, said: str, file: Path, contender: Contender
) -> None:
    code, found = checked(contender, file, body)
    assert said in (found["reason"] or found["verdict"])
    assert code == (0 if said == "accepted" else 1)


def test_how_cells_were_read_is_said_where_they_leave_a_choice(file: Path, contender: Contender) -> None:
    _, found = checked(
        contender, file, "amount;bought\n" + "".join(f"{row},5;{'yes' if row % 2 else 'no'}\n" for row in range(9))
    )
    assert (found["verdict"], found["read_as"]) == ("accepted", "CSV with semicolons, utf-8")
    assert "decimal" in found["cells"]["amount"]


def test_a_person_gets_a_table_of_kinds(file: Path, contender: Contender) -> None:
    file.write_text(GOOD + "9999,no\n")
    shown = contender("check", str(file), "--pipeline", "sales").out
    assert "accepted" in shown
    assert "100 accepted, 1 quarantined" in shown
    assert "not compared: " in shown, "there is no local cloud"
    assert "more than 500" in shown
    assert "first lines" in shown


@pytest.mark.parametrize("arguments", [("gone.csv", "--pipeline", "sales"), ("january.csv", "--pipeline", "sails")])
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], file: Path, contender: Contender) -> None:
    file.write_text(GOOD)
    ended = contender("check", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err


class TestComparedWithEarlierUploads:
    def check(self, tmp_path: Path, rows: Any, left_out: frozenset[str] = frozenset()) -> Any:
        bucket = Bucket()
        bucket.receive(bucket.put("first.csv", csv(ROWS)))
        path = tmp_path / "second.csv"
        path.write_bytes(csv(rows))
        return check_file(path, CONFIG, Uploads(bucket.store, bucket.store.manifests(), left_out))

    def test_rows_are_new_known_or_corrected(self, tmp_path: Path) -> None:
        found = self.check(tmp_path, ROWS.assign(order=["1", "2", "3", "5"], amount=[10.5, -0.0, 7.0, 8.0]))
        assert (found.verdict, found.accepted) == ("accepted", 4)
        assert found.to_dict()["earlier_rows"] == {"new": 1, "known": 2, "corrected": 1}

    def test_a_file_of_known_rows_is_a_duplicate(self, tmp_path: Path) -> None:
        assert self.check(tmp_path, ROWS).verdict == "duplicate"

    def test_a_label_that_no_upload_had_is_quarantined(self, tmp_path: Path) -> None:
        found = self.check(tmp_path, ROWS.assign(order=list("5678"), late=["true", "false", "true", "flase"]))
        assert [(kind.rule, kind.examples) for kind in found.kinds] == [
            ("no known class", ("is 'flase', which is no class so far (false, true); is 'false' meant?",))
        ]

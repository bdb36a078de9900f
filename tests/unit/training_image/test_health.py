"""The container's health: has anything used the processor since the last look?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from training_image.health import cpu_seconds, look

TICKS = os.sysconf("SC_CLK_TCK")


def write_process(proc: Path, pid: int, *, name: str, ticks: tuple[int, int, int, int]) -> None:
    """A process as proc(5) lays it out: utime, stime, cutime and cstime are fields 14 to 17."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} ({name}) S " + "0 " * 10 + " ".join(map(str, ticks)) + " 20 0\n")


def test_all_processes_count_but_the_one_that_asks(tmp_path: Path) -> None:
    write_process(tmp_path, 1, name="python", ticks=(1 * TICKS, 2 * TICKS, 0, 0))
    write_process(tmp_path, 8, name="a (strange) name", ticks=(10 * TICKS, 0, 3 * TICKS, 4 * TICKS))
    write_process(tmp_path, 9, name="python", ticks=(100 * TICKS, 0, 0, 0))
    (tmp_path / "uptime").write_text("1 1")
    assert cpu_seconds(tmp_path, without=9) == 1 + 2 + 10 + 3 + 4


@pytest.mark.parametrize(
    ("used", "healthy"),
    [
        (60.0, True),
        (0.31, True),  # 0.5 % of the minute between the looks is 0.3 s
        (0.29, False),
        (0.0, False),
    ],
)
def test_a_training_that_uses_no_processor_time_is_not_well(tmp_path: Path, used: float, healthy: bool) -> None:
    last_look = tmp_path / "health.json"
    assert look(last_look, (100.0, 7.0))
    assert look(last_look, (160.0, 7.0 + used)) is healthy


def test_a_look_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    last_look = tmp_path / "health.json"
    looks = [(0.0, 0.0), (60.0, 60.0), (120.0, 60.0), (180.0, 90.0)]
    assert [look(last_look, one) for one in looks] == [True, True, False, True]


def test_a_last_look_that_cannot_be_read_is_no_alarm(tmp_path: Path) -> None:
    last_look = tmp_path / "health.json"
    last_look.write_text("half of")
    assert look(last_look, (60.0, 1.0))

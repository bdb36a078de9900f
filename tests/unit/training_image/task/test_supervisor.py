"""Whatever ends a training, the run is told why: real processes that hang, crash, are killed, or end as they should."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contender.workflow.run_folder import TRAINING, RunFolder
from tests.fakes import MemoryObjects
from training_image.__main__ import main
from training_image.task.supervisor import PIPE, Ending, Known, Supervisor, leave_reason, oom_kills, tell_supervisor

ROOT = Path(__file__).parents[4]
BEGINNING = "import os, signal, sys; from training_image.task.supervisor import tell_supervisor; "
TOLD = "tell_supervisor(os.environ, seconds=5000, memory_mib=512); "
FOREVER = "signal.pause()"
# Without giving up the interpreter's lock: no other Python thread of that process gets a turn.
NATIVE_FOREVER = "import ctypes; ctypes.PyDLL(None).pause()"


def end(code: str, *, kills: tuple[int | None, int | None] = (None, None), hurry: bool = False) -> Ending:
    """How a training of this Python code ends; in a hurry a minute passes with each look at the clock."""
    counted = iter(kills)
    return Supervisor(
        [sys.executable, "-c", BEGINNING + code],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        clock=itertools.count(0.0, 60.0).__next__ if hurry else lambda: 0.0,
        oom_kills=lambda: next(counted),
    ).run()


def test_a_training_that_says_what_came_of_it_needs_no_words_from_outside() -> None:
    trained = end(TOLD + "tell_supervisor(os.environ, status='trained')")
    failed = end(TOLD + "tell_supervisor(os.environ, status='failed'); sys.exit(1)")

    assert (trained.exit_code, trained.reason) == (0, "")
    assert (failed.exit_code, failed.reason) == (1, "")


def test_a_crash_after_the_report_changes_nothing() -> None:
    ending = end(TOLD + "tell_supervisor(os.environ, status='trained'); os.kill(os.getpid(), signal.SIGKILL)")

    assert (ending.exit_code, ending.reason) == (0, "")


@pytest.mark.parametrize("hang", [FOREVER, NATIVE_FOREVER, "[None for _ in iter(int, 1)]"])
def test_a_training_that_hangs_is_ended_by_its_time_limit(hang: str) -> None:
    ending = end("tell_supervisor(os.environ, seconds=0, memory_mib=512); " + hang)

    assert (ending.cause, ending.exit_code) == ("overdue", 124)
    assert ending.reason.startswith("the training took longer than training.time_limit_seconds = 0; set more, ")


def test_a_training_that_never_tells_its_limits_is_ended_too() -> None:
    ending = end(FOREVER, hurry=True)

    assert ending.exit_code == 124
    assert ending.reason == "the training task hung: it did not read its pipeline file within 600 s"


def test_sigterm_ends_it_and_says_that_it_can_go_on() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ending = end(TOLD + "os.kill(os.getppid(), signal.SIGTERM); " + NATIVE_FOREVER)

    assert (ending.cause, ending.exit_code) == ("stopped", 143)
    assert ending.reason.startswith("the training task was stopped before it finished")
    assert "finished trials of its search are kept" in ending.reason
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_to_the_whole_process_group_is_the_same() -> None:
    ending = end(TOLD + "os.kill(os.getpid(), signal.SIGTERM); " + FOREVER)

    assert ending.exit_code == 143
    assert ending.reason.startswith("the training task was stopped before it finished")


KILLED = TOLD + "os.kill(os.getpid(), signal.SIGKILL)"


def test_the_kernels_word_that_memory_ran_out_names_the_setting() -> None:
    ending = end(KILLED, kills=(3, 4))

    assert ending.exit_code == 137
    assert ending.peak_mib > 5.0  # a Python interpreter
    assert ending.reason == (
        f"the training task ran out of memory: training.memory_mib is 512, and it used {ending.peak_mib:.0f} MiB; set "
        "more, or train on fewer dataset versions (training.window_batches)"
    )


def test_where_the_kernel_says_nothing_a_kill_is_most_likely_for_memory() -> None:
    assert end(KILLED).reason.startswith(
        "the training task was killed, most likely because it ran out of memory: training.memory_mib is 512, "
    )


def test_a_kill_that_was_not_for_memory_is_not_said_to_be() -> None:
    assert end(KILLED, kills=(3, 3)).reason == ("the training task was ended by SIGKILL; see its log")


def test_a_crash_in_native_code_is_named() -> None:
    ending = end("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), 11)")

    assert ending.exit_code == 139
    assert "ended by SIGSEGV" in ending.reason


def test_an_end_without_a_word_is_told_with_its_exit_code() -> None:
    ending = end("sys.exit(7)")

    assert (ending.exit_code, ending.reason) == (
        7,
        "the training task ended with exit code 7 and no reason; see its log",
    )
    assert end("pass").exit_code == 1  # no report, so no success


def test_a_signal_without_a_name_has_its_number() -> None:
    assert "ended by signal 99" in Ending("itself", -99, Known()).reason


GIVEN = {"RUN_ID": "run-1", "PIPELINE": "trial", "DATA_BUCKET": "data", "MODEL_BUCKET": "models"}


class Runs:
    def __init__(self) -> None:
        self.folder = RunFolder(MemoryObjects(), "trial", "run-1")

    def main(self, code: str, lacking: str = "") -> int:
        command = [sys.executable, "-c", BEGINNING + code]
        variables = {**os.environ, **GIVEN, "PYTHONPATH": str(ROOT)}
        variables.pop(lacking, None)
        return main(command, variables=variables, folder_of=lambda _: self.folder)

    def report(self) -> dict[str, Any]:
        return self.folder.read(TRAINING)


SUPERVISED = """
import os, sys
from training_image.task.supervisor import Supervisor
Supervisor([sys.executable, "-c", sys.argv[1]], os.environ).run()
"""
ENDS_WITH_IT = """
import os, signal
from training_image.task.supervisor import end_with_supervisor
end_with_supervisor(os.environ)
print("at work", flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends with what it tells next, as below")
def test_a_training_ends_when_its_supervisor_is_killed() -> None:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SUPERVISED, ENDS_WITH_IT]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        assert supervisor.stdout.readline() == b"at work\n"
        supervisor.kill()
        assert supervisor.stdout.read() == b""  # the stream is over: nobody is left who could write to it


def test_a_training_whose_supervisor_is_gone_leaves_no_reason_of_its_own() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(SystemExit, match="the task's supervisor has ended; so does the training"):
            tell_supervisor({PIPE: str(writing)}, status="trained")
    finally:
        os.close(writing)


def test_the_entry_point_leaves_the_reason_in_the_runs_folder(capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs()

    assert runs.main(TOLD + "sys.exit(7)") == 7
    report = runs.report()
    assert 0.0 < report.pop("seconds") < 600.0
    assert report == {
        "status": "failed",
        "reason": "the training task ended with exit code 7 and no reason; see its log",
    }
    assert capsys.readouterr().out == f"failed: {runs.report()['reason']}\n"


def test_the_entry_point_starts_no_training_that_would_not_know_what_to_train(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = Runs()

    assert runs.main("print('started')", lacking="MODEL_BUCKET") == 1
    reason = "environment variables MODEL_BUCKET are not set; the stack sets them"
    assert runs.report() == {"status": "failed", "reason": reason, "seconds": 0.0}
    assert capsys.readouterr().out == f"failed: {reason}\n"


def test_a_task_that_does_not_know_its_run_says_so_in_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert Runs().main("print('started')", lacking="RUN_ID") == 1
    assert capsys.readouterr().out == "failed: environment variables RUN_ID are not set; the stack sets them\n"


def test_the_entry_point_leaves_alone_what_the_training_has_written() -> None:
    runs = Runs()
    runs.folder.write(TRAINING, {"status": "failed", "reason": "the target is constant"})

    assert runs.main("tell_supervisor(os.environ, status='failed'); sys.exit(1)") == 1
    assert runs.report()["reason"] == "the target is constant"


def test_a_reason_replaces_that_of_an_earlier_attempt_but_never_a_success() -> None:
    runs = Runs()
    lines: list[str] = []
    leave_reason(runs.folder, "stopped", lines.append, seconds=1.0)
    leave_reason(runs.folder, "hung", lines.append, seconds=1.0)
    assert (runs.report()["reason"], runs.report()["seconds"]) == ("hung", 1.0)

    runs.folder.write(TRAINING, {"status": "trained", "model_version": "v1"})
    leave_reason(runs.folder, "stopped", lines.append, seconds=1.0)
    assert runs.report()["model_version"] == "v1"
    assert lines == ["failed: stopped", "failed: hung", "failed: stopped"]


def test_a_report_that_cannot_be_read_is_replaced() -> None:
    runs = Runs()
    runs.folder.objects.put(runs.folder.key(TRAINING), b"{")
    leave_reason(runs.folder, "stopped", lambda _: None, seconds=1.0)

    assert runs.report()["reason"] == "stopped"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("low 0\nhigh 12\noom 4\noom_kill 3\n", 3),
        ("under_oom 0\noom_kill 1\n", 1),
        ("oom_kill_disable 0\n", None),
        ("?", None),
    ],
)
def test_the_kernels_counter_is_read_in_both_its_forms(tmp_path: Path, text: str, count: int | None) -> None:
    counters = tmp_path / "memory.events"
    counters.write_text(text)

    assert oom_kills([tmp_path / "missing", counters]) == count


def test_who_only_waits_loads_next_to_nothing() -> None:
    asked = "import json, sys, training_image.__main__; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert not {"numpy", "boto3", "sklearn", "pandas"} & set(json.loads(loaded))

"""Times one contestant, or counts its alarms, in an environment that has the contestant, pandas and pyarrow.

    python -P harness.py speed|alarms|estimates TASK.json

The answer goes to the file that the task names. What is measured lies in `<contestant>/check.py`: a dictionary
RULES of ways to check, each a class:

    prepare(frame, columns)     static; the frame in the shape that the library likes best. Not timed.
    Rule(reference, columns)    fits on a prepared reference. Timed as the fit.
    check(batch)                an Answer. Timed as the check.

Who estimates metrics without labels has an `<contestant>/estimate.py`: a dictionary ESTIMATORS of functions of
(reference, task), a frame, that return a function of a batch, which gives by metric [value, low, high].

This file is read by every contestant's interpreter, so it imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import resource
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Columns:
    """What a rule may know of the frames.

    Attributes
    ----------
    numeric, categorical : the features. Categorical ones have pandas' category dtype.
    chunk_rows : rows that make one verdict, for those who cut frames into chunks; 0 where `day` says it.
    day : the column of time stamps whose days are the chunks; empty where there is none.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    chunk_rows: int
    day: str = ""

    @property
    def features(self) -> list[str]:
        return [*self.numeric, *self.categorical]


class Answer(NamedTuple):
    """What a check says: the features that it flags, and its verdict on the batch where it has one."""

    flagged: list[str]
    verdict: bool | None = None


class Rule(Protocol):
    """One way to check, as the module's docstring has it."""

    def __init__(self, reference: Any, columns: Columns) -> None: ...

    @staticmethod
    def prepare(frame: pd.DataFrame, columns: Columns) -> Any: ...

    def check(self, batch: Any) -> tuple[list[str], bool | None]: ...


def rules_of(contestant: str) -> dict[str, type[Rule]]:
    """What `<contestant>/check.py` offers."""
    rules: dict[str, type[Rule]] = _module(contestant, "check").RULES
    return rules


def _module(contestant: str, name: str) -> Any:
    """A file of a contestant's folder."""
    path = Path(__file__).parent / contestant / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_of_{contestant}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def estimates(task: Mapping[str, Any]) -> dict[str, list[dict[str, list[float]]]]:
    """Of each estimator that is asked, what it expects of each pair of a reference and a batch."""
    estimators = _module(task["contestant"], "estimate").ESTIMATORS
    found: dict[str, list[dict[str, list[float]]]] = {}
    for name in task["rules"]:
        fitted = {path: estimators[name](pd.read_parquet(path), task) for path in {path for path, _ in task["pairs"]}}
        found[name] = [fitted[reference](pd.read_parquet(batch)) for reference, batch in task["pairs"]]
    return found


def measure_speed(rule: type[Rule], task: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds to fit and to check, and how far the check's memory rises over what stood before it."""
    columns = _columns(task)
    reference = rule.prepare(pd.read_parquet(task["reference"]), columns)
    fit_seconds, fitted = timed(lambda: rule(reference, columns))
    answer: dict[str, Any] = {"fit_s": fit_seconds, "batches": {}}
    for name, path in task["batches"].items():
        batch = rule.prepare(pd.read_parquet(path), columns)
        before = _forget_peak()
        seconds = _seconds(fitted, batch, task["repeat"], task["seconds"])
        risen = _peak_bytes() - before
        answer["batches"][name] = {"check_s": min(seconds), "times": len(seconds), "rss_mb": max(0, risen) / 2**20}
        if task.get("trace"):
            answer["batches"][name]["traced_mb"] = _traced_bytes(fitted, batch) / 2**20
    return answer


def _seconds(fitted: Rule, batch: Any, repeat: int, limit: float) -> list[float]:
    """Of so many checks, fewer where they would take longer than the limit together."""
    seconds: list[float] = []
    while len(seconds) < repeat and (not seconds or sum(seconds) + seconds[-1] < limit):
        seconds.append(timed(lambda: fitted.check(batch))[0])
    return seconds


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that the work took, and what it made: by the clock, or by the processor where that says less, for then
    other processes were in the way."""
    clock, processor = time.perf_counter(), time.process_time()
    made = work()
    return min(time.perf_counter() - clock, time.process_time() - processor), made


def _traced_bytes(fitted: Rule, batch: Any) -> int:
    tracemalloc.start()
    fitted.check(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _forget_peak() -> int:
    """Start a new high-water mark of resident memory where the system can (Linux); bytes that are resident now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count_alarms(rule: type[Rule], task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answer on every batch of every group, as far as the task's seconds reach."""
    columns = _columns(task)
    frame = pd.read_parquet(task["frame"])
    deadline = time.process_time() + task["seconds"]  # the processor's, which a busy machine does not shorten
    answers = []
    for number, group in enumerate(task["groups"]):
        rows = np.load(group["rows"])
        fitted = rule(rule.prepare(_take(frame, rows["reference"]), columns), columns)
        for place, batch in enumerate(group["batches"]):
            answer = Answer(*fitted.check(rule.prepare(_batch(frame, rows, place, batch), columns)))
            said = {"flagged": len(answer.flagged), "verdict": answer.verdict}
            answers.append({"group": number, "batch": batch["name"], **said})
            if time.process_time() > deadline and len(task["groups"]) == 1:
                return answers
        if time.process_time() > deadline:
            break
    return answers


def _batch(frame: pd.DataFrame, rows: Mapping[str, Any], place: int, batch: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of the frame, one column edited: taken from other rows, and a number added."""
    taken = _take(frame, rows[f"batch_{place}"])
    column = batch.get("column")
    if column:
        values = _take(frame, rows[f"from_{place}"])[column]
        taken[column] = values + batch["add"] if batch["add"] else values
    return taken


def _take(frame: pd.DataFrame, rows: Any) -> pd.DataFrame:
    return frame.take(rows).reset_index(drop=True)


def _columns(task: Mapping[str, Any]) -> Columns:
    return Columns(tuple(task["numeric"]), tuple(task["categorical"]), task["chunk_rows"], task.get("day", ""))


def _asked(task: Mapping[str, Any]) -> Iterator[tuple[str, type[Rule]]]:
    rules = rules_of(task["contestant"])
    for name in task["rules"] or rules:
        yield name, rules[name]


def main() -> None:
    verb, path = sys.argv[1:]
    task = json.loads(Path(path).read_text())
    warnings.simplefilter("ignore")
    if verb == "estimates":
        answers: dict[str, Any] = estimates(task)
    else:
        work = {"speed": measure_speed, "alarms": count_alarms}[verb]
        answers = {name: work(rule, task) for name, rule in _asked(task)}
    Path(task["answer"]).write_text(json.dumps(answers))


if __name__ == "__main__":
    main()

"""The file in which alarms, and what they still have to do, outlive the process that evaluates them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from localcloud.alarms.actions import Delivery
from localcloud.alarms.records import AlarmRecord

FORMAT = 1


@dataclass(frozen=True)
class AlarmsState:
    """All that one evaluation leaves to the next.

    Attributes
    ----------
    evaluated_at : epoch seconds; 0 before the first evaluation.
    records : by the alarms' names.
    refused : why an alarm cannot be evaluated here, by its name.
    to_set : alarms whose states CloudWatch may not have been told.
    waiting, failed : what is still to be done, and what was given up.
    """

    evaluated_at: float = 0.0
    records: Mapping[str, AlarmRecord] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    to_set: Sequence[str] = ()
    waiting: Sequence[Delivery] = ()
    failed: Sequence[Delivery] = ()


def read_alarms_state(file: Path) -> AlarmsState:
    """What the file says; a file that is not there or was written by another release says nothing."""
    try:
        content = json.loads(file.read_text("utf-8"))
        if content["format"] != FORMAT:
            return AlarmsState()
        return AlarmsState(
            float(content["evaluated_at"]),
            {name: AlarmRecord(**record) for name, record in content["records"].items()},
            dict(content["refused"]),
            list(content["to_set"]),
            [Delivery(**each) for each in content["waiting"]],
            [Delivery(**each) for each in content["failed"]],
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return AlarmsState()


def write_alarms_state(file: Path, state: AlarmsState) -> None:
    """Replace the file in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"format": FORMAT, **asdict(state)}, indent=1), "utf-8")
    draft.replace(file)

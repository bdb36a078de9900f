"""The reference of the state machines: their states, and the payload that each adds to an execution."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.formatting import markdown_table
from contender.workflow import messages

MACHINES = Path(__file__).parents[2] / "statemachines"
NAMES = ("continuous_training", "rollback", "batch_prediction")
HEAD = """# States and payloads

The machines are deployed as Step Functions standard workflows, one of each for a pipeline. A task
state calls the function or service beside it. A payload holds references and scalars, never data: each state adds one
section under its own name. [Architecture](../architecture.md) says what each state is for.
(Generated from `statemachines/` and `contender/workflow/messages.py` by `python -m documentation reference`.)
"""
FUNCTION = re.compile(r"\$\{(\w+)FunctionArn\}")


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD.rstrip()]
    for name in NAMES:
        machine = json.loads((MACHINES / f"{name}.asl.json").read_text(encoding="utf-8"))
        parts += [f"## {name.replace('_', ' ').capitalize()}", machine["Comment"], _states(machine)]
    parts += ["## Payloads", *_payloads()]
    return "\n\n".join(parts) + "\n"


def _states(machine: Mapping[str, Any]) -> str:
    return markdown_table(
        ("state", "calls", "what it does", "then"),
        (
            (
                f"`{name}`",
                _kind(state),
                state.get("Comment", ""),
                ", ".join(f"`{each}`" for each in dict.fromkeys(_next(state))),
            )
            for name, state in machine["States"].items()
        ),
    )


def _kind(state: Mapping[str, Any]) -> str:
    """The state's type, and for a task what it calls and for how long at most."""
    if state["Type"] != "Task":
        return str(state["Type"])
    resource = str(state["Resource"])
    function = FUNCTION.search(json.dumps(state))
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function[1]).lower() if function else ""
    what = f"`lambdas/{folder}`" if function else f"`{resource.partition(':::')[2] or resource}`"
    limit = f", {state['TimeoutSeconds']} s at most" if "TimeoutSeconds" in state else ""
    return f"{what}{limit}"


def _next(state: Mapping[str, Any]) -> Iterator[str]:
    """The states that may follow: a choice's, the next, and those that an error leads to."""
    for choice in state.get("Choices", ()):
        yield choice["Next"]
    if "Default" in state:
        yield state["Default"]
    if "Next" in state:
        yield state["Next"]
    for caught in state.get("Catch", ()):
        yield caught["Next"]


def _payloads() -> Iterator[str]:
    """Each section of the state: its class, what it says, its fields."""
    seen: set[str] = set()
    kinds = typing.get_type_hints(messages.RunState)
    for field in dataclasses.fields(messages.RunState):
        for kind in (kinds[field.name], *typing.get_args(kinds[field.name])):
            if isinstance(kind, type) and issubclass(kind, messages.Message) and kind.__name__ not in seen:
                seen.add(kind.__name__)
                yield f"### {kind.__name__}"
                yield f"Under `{field.name}`. " + " ".join((kind.__doc__ or "").split())
                yield markdown_table(("field", "type", "default"), (_row(each) for each in dataclasses.fields(kind)))


def _row(field: dataclasses.Field[Any]) -> tuple[str, str, str]:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return f"`{field.name}`", f"`{field.type}`", "required" if required else f"`{default!r}`"

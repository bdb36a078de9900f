"""An explained prediction, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from contender.cli.console import console, print_fields, print_table

_STYLES = {True: "bold green", False: "bold red", None: "yellow"}


def print_prediction(said: Mapping[str, Any]) -> None:
    """Answer, label, row with contributions, version, data, and whether the version gives the answer again."""
    version = said["version"]
    print_fields(
        {
            "prediction": _answer(said["answer"], said["outputs"]),
            "label": _label(said["label"]),
            "id": said["prediction_id"],
            "pipeline": said["pipeline"],
            "at": said["at"],
            "answered by": f"{version['version']} ({said['variant']}, {said['source']}, {said['latency_ms']:.1f} ms)",
            "not answered by": _other(said["not_answered"]),
            "trained": _trained(version),
            "manifest sha256": version.get("manifest_sha256"),
            "trouble": version.get("trouble"),
        }
    )
    _print_row(said)
    if said["datasets"]:
        console.print()
        print_table(("dataset version", "rows", "accepted by run", "from"), [_dataset(one) for one in said["datasets"]])
    console.print()
    result = said["reproduction"]
    console.print(Text(result["said"], style=_STYLES[result["same"]]))


def _print_row(said: Mapping[str, Any]) -> None:
    row = said["row"]
    console.print()
    if row is None:
        console.print("The row was too big for the log and is not stored.")
        return
    shares = said["contributions"]
    values = shares["values"] if shares else {}
    notes = dict.fromkeys(said["hashed"], "hash") | dict.fromkeys(said["not_logged"], "not stored")
    rows = [
        (
            Text(name),
            Text("" if name in said["not_logged"] else _value(row.get(name))),
            _share(values.get(name), notes.get(name)),
        )
        for name in (*row, *said["not_logged"])
    ]
    to = f" to P({shares['to_probability_of']})" if shares and "to_probability_of" in shares else ""
    print_table(("feature", "value", f"contribution{to}" if shares else ""), rows)
    if shares:
        how = "exact" if shares["exact"] else "sampled"
        console.print(f"[dim]{how}, against a typical row, whose prediction is {shares['typical']:.4g}[/dim]")


def _value(value: object) -> str:
    return "–" if value is None else str(value)


def _share(share: float | None, note: str | None) -> str:
    return note or ("" if share is None else f"{share:+.4f}")


def _answer(answer: Mapping[str, Any] | None, outputs: list[float]) -> str:
    if answer is None:
        return f"outputs {', '.join(f'{value:.6g}' for value in outputs)}"
    if "probabilities" not in answer:
        return f"{answer['prediction']:.6g}"
    chances = ", ".join(f"P({name}) {chance:.4f}" for name, chance in answer["probabilities"].items())
    return f"{answer['prediction']} ({chances})"


def _label(label: Mapping[str, Any] | None) -> str:
    if label is None:
        return "none yet"
    judged = {True: ", as predicted", False: ", not as predicted", None: ""}[label.get("correct")]
    return f"{label['label']}{judged} (received {label['received_at']})"


def _other(other: Mapping[str, Any] | None) -> str | None:
    if other is None:
        return None
    said = other["error"] or _answer(other if "prediction" in other else None, other.get("outputs", []))
    return f"{other['version']} ({other['variant']}): {said}"


def _trained(version: Mapping[str, Any]) -> str | None:
    if "run_id" not in version:
        return None
    return f"{version['trained_rows'] or 0:,} rows, by run {version['run_id']}"


def _dataset(one: Mapping[str, Any]) -> tuple[Text, ...]:
    if "trouble" in one:
        return Text(one["version"]), Text("–"), Text("–"), Text(one["trouble"])
    deleted = f" ({one['deleted']:,} deleted since)" if one["deleted"] else ""
    return Text(one["version"]), Text(f"{one['rows']:,}{deleted}"), Text(one["run_id"]), Text(one["source_key"])

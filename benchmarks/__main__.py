"""Runs the parts, prints what they found, and exits with 1 when a figure is missed. See README.md."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module

from benchmarks.evidence import EVIDENCE, machine, write_section
from benchmarks.parts import Part, Size

PARTS = (
    "policies",
    "speed",
    "calibration",
    "over_time",
    "joint_changes",
    "unlabelled",
    "promotions",
    "promotion_rule",
    "watch",
    "live_falls",
    "experiments",
    "replays",
    "searches",
    "first_champions",
    "serving",
    "files",
    "alarms",
    "batch_files",
    "history",
    "poison",
    "load",
    "live",
)
"""Modules of this package, in the order of the evidence."""

Measure = Callable[..., Part]


def main(arguments: Sequence[str] | None = None, measures: Mapping[str, Measure] | None = None) -> int:
    """The exit code. `measures` stands in for the parts' own functions."""
    asked = _parser().parse_args(arguments)
    size: Size = "full" if asked.full else "smoke" if asked.smoke else "quick"
    parts: dict[str, Part] = {}
    for name in asked.only or PARTS:
        started = time.monotonic()
        measure = measures[name] if measures else import_module(f"benchmarks.{name}").measure
        parts[name] = measure(size=size, report=lambda line, name=name: _tell(f"{name}: {line}"))
        _tell(f"{name}: done in {time.monotonic() - started:.0f} s")
        if asked.write:
            write_section(EVIDENCE, name, parts[name], order=PARTS)
    print(_as_json(parts) if asked.json else "\n\n".join(_as_text(part) for part in parts.values()))
    return int(size != "smoke" and any(not figure.holds for part in parts.values() for figure in part.figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="the sizes and repetitions that the evidence states")
    size.add_argument("--smoke", action="store_true", help="the least that shows that it runs: no peers, no judgement")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given again")
    parser.add_argument("--json", action="store_true", help="print figures and tables as JSON")
    parser.add_argument("--write", action="store_true", help=f"put what was found into {EVIDENCE.name}")
    return parser


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _as_text(part: Part) -> str:
    return "\n\n".join([part.title, part.text, "\n".join(figure.sentence for figure in part.figures)])


def _as_json(parts: Mapping[str, Part]) -> str:
    told = {
        name: {**asdict(part), "figures": [{**asdict(figure), "holds": figure.holds} for figure in part.figures]}
        for name, part in parts.items()
    }
    return json.dumps({"machine": machine(), "parts": told}, indent=2)


if __name__ == "__main__":
    sys.exit(main())

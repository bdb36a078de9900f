"""`make chaos`: simulated schedules, fault points and planted bugs at full size, with a summary.

    python -m tests.simulation.chaos --schedules 10000 --seed 0
    python -m tests.simulation.chaos --seed 12 --schedules 1     # one schedule again

A part is a function that takes the options and yields what it found; add one to `PARTS`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field

from tests.simulation.fault_points import WAYS, FaultPoint, fault_points
from tests.simulation.faults import Chaos, swarm
from tests.simulation.planted_bugs import HUNTS, PLANTED
from tests.simulation.scenarios import draw
from tests.simulation.schedules import run
from tests.simulation.shrinking import explained, shrink

CHUNK = 50
REPORTED = 5
"""Failures that are shrunk and printed; of the others only the number."""


@dataclass(frozen=True)
class Options:
    """What is run, and in how many processes."""

    seed: int
    schedules: int
    processes: int


@dataclass
class Result:
    """What a part, or a piece of it, found.

    Attributes
    ----------
    tried : schedules or fault points.
    faults : that happened in them.
    failures : texts for people.
    """

    part: str
    tried: int = 0
    faults: int = 0
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.tried += other.tried
        self.faults += other.faults
        self.verdicts += other.verdicts
        self.failures += other.failures


def simulated(seeds: Sequence[int]) -> Result:
    """The schedules of these seeds."""
    result = Result("simulated schedules")
    for seed in seeds:
        scenario = draw(seed)
        outcome = run(scenario, swarm(seed))
        result.tried += 1
        result.faults += len(outcome.happened)
        result.verdicts.update(verdict for name, verdict in outcome.verdicts.items() if not name.startswith("first-"))
        if outcome.problems:
            result.failures.append(explained(shrink(seed, scenario, outcome), again=True))
    return result


def enumerated(points: Sequence[FaultPoint]) -> Result:
    """One schedule for each of these fault points."""
    result = Result("fault points")
    for each in points:
        scenario = WAYS[each.way]
        outcome = run(scenario, Chaos(chosen={each.point: each.fault}))
        result.tried += 1
        result.faults += len(outcome.happened)
        if outcome.problems:
            result.failures.append(explained(shrink(0, scenario, outcome)))
    return result


def hunted(names: Sequence[str]) -> Result:
    """Each planted bug has to be found; one that is not is a failure."""
    result = Result("planted bugs")
    for name in names:
        hunt = HUNTS[name]
        for seed in range(hunt.seeds):
            result.tried += 1
            chaos = Chaos(seed=seed, share=0.002, focus=hunt.focus, focus_share=0.2)
            outcome = run(hunt.scenario, chaos, PLANTED[name])
            if outcome.problems:
                told = explained(shrink(seed, hunt.scenario, outcome, PLANTED[name]))
                sys.stderr.write(f"\nPlanted: {name}. Found:\n{told}\n")
                result.verdicts[f"{name}: found"] += 1
                break
        else:
            result.failures.append(f"planted bug not found in {hunt.seeds} schedules: {name}")
    return result


def _pieces(items: Sequence[object]) -> list[Sequence[object]]:
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]


Work = Callable[..., Result]
Part = tuple[str, Work, Callable[[Options], list[Sequence[object]]]]
PARTS: tuple[Part, ...] = (
    ("planted bugs", hunted, lambda _: [[name] for name in PLANTED]),
    ("fault points", enumerated, lambda _: _pieces(list(fault_points()))),
    (
        "simulated schedules",
        simulated,
        lambda options: _pieces(range(options.seed, options.seed + options.schedules)),
    ),
)
"""Name, work, and the pieces that the work is done in, by any process."""


def results(options: Options, parts: Sequence[Part] = PARTS) -> Iterator[Result]:
    """The result of each part, with progress on standard error."""
    with ProcessPoolExecutor(options.processes) as pool:
        for name, work, pieces in parts:
            began, whole = time.monotonic(), Result(name)
            for piece in pool.map(work, pieces(options)):
                whole.add(piece)
                found = f"{whole.tried:,} tried, {whole.faults:,} faults, {len(whole.failures)} failures"
                sys.stderr.write(f"\r{name}: {found}, {time.monotonic() - began:.0f} s ")
            whole.seconds = round(time.monotonic() - began, 1)
            sys.stderr.write("\n")
            yield whole


def main() -> int:
    """Run what the command line asks for; 1 if a promise was broken or a planted bug was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="first seed of the simulated schedules")
    parser.add_argument("--schedules", type=int, default=10_000, help="number of simulated schedules")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=[name for name, *_ in PARTS], help="one part")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    parts = [part for part in PARTS if given.only in (None, part[0])]
    if given.schedules == 1:
        parts = [part for part in PARTS if part[1] is simulated]
    found = list(results(Options(given.seed, given.schedules, given.processes), parts))
    if given.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    else:
        for each in found:
            kinds = ", ".join(f"{name} {number:,}" for name, number in each.verdicts.most_common())
            sys.stdout.write(
                f"{each.part}: {each.tried:,} in {each.seconds:.0f} s, {len(each.failures)} failures. {kinds}\n"
            )
            for failure in each.failures[:REPORTED]:
                sys.stdout.write(f"\n{failure}\n")
    return int(any(each.failures for each in found))


if __name__ == "__main__":
    sys.exit(main())

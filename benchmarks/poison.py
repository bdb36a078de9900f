"""Poisoned uploads against what stands in their way: contract, the check for broken batches, comparison.

From one upload on, every upload has a share of rows that somebody made up. Users' own requests are not poisoned: the
cost is how much worse they are served than without poison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.policies import SMOKE, small_stream
from benchmarks.streams.generated import generated
from benchmarks.streams.loop import run
from benchmarks.streams.models import Models, place_of
from benchmarks.streams.packaged import PACKAGED
from benchmarks.streams.poisoned import KINDS, within_contract
from benchmarks.streams.stream import Stream
from benchmarks.tables import markdown_table
from contender.pipeline.validation_policy import ValidationPolicy

SHARES = {"smoke": (0.2,), "quick": (0.02, 0.2), "full": (0.02, 0.05, 0.2, 0.4)}
STREAMS = ("sea, abrupt", "flights by month", "bikes by month", "banana")
MOST_WORSE = {0.02: 0.03, 0.2: 0.1}
"""By the share of made-up rows: by how much users' loss may rise, with any kind of poison on any stream."""
MOST_REJECTED = ValidationPolicy().max_rejected_fraction


@dataclass(frozen=True)
class Attack:
    """What came of poisoned uploads on one stream.

    Attributes
    ----------
    uploads : how many were poisoned.
    refused : files that the contract refused whole.
    rows_left : the share of the made-up rows that the contract let in.
    set_aside : uploads that were not trained on because they looked broken.
    served : whether a model that learned made-up rows served.
    worse : by how much users' loss rose, as a share of the loss without poison.
    """

    uploads: int
    refused: int
    rows_left: float
    set_aside: int
    served: bool
    worse: float


def measure(*, size: Size, report: Report) -> Part:
    """Play each attack on each stream."""
    found: dict[tuple[str, float], list[Attack]] = {}
    for name, make in _streams(size).items():
        stream = make()
        clean = run(Models(stream), checks_batches=True).loss
        for kind in KINDS:
            for share in SHARES[size]:
                report(f"{name}: {kind}, {share:.0%}")
                found.setdefault((kind, share), []).append(attack(stream, kind, share, clean))
    return Part("Poisoned uploads", command("poison", size), "\n\n".join(_text(found)), list(_figures(found)))


def _streams(size: Size) -> Mapping[str, Callable[[], Stream]]:
    if size == "smoke":
        return {SMOKE[0]: partial(small_stream, SMOKE[0])}
    return {name: PACKAGED.get(name, partial(generated, name)) for name in STREAMS}


def attack(stream: Stream, kind: str, share: float, clean: float) -> Attack:
    """Poison every upload from the second half of the stream on."""
    random = np.random.default_rng([round(1_000 * share), sum(map(ord, stream.name + kind))])
    first = stream.start + (len(stream.batches) - stream.start) // 2
    poisoned = {
        place: KINDS[kind](stream, stream.batches[place], share, random)
        for place in range(first, len(stream.batches) - 1)
    }
    kept = {place: within_contract(stream, batch.table) for place, batch in poisoned.items()}
    taken = {
        place: poisoned[place].table.select_rows(np.flatnonzero(rows))
        for place, rows in kept.items()
        if 1.0 - rows.mean() <= MOST_REJECTED
    }
    made_up = sum(int(batch.made_up.sum()) for batch in poisoned.values())
    left = {place: int((kept[place] & poisoned[place].made_up).sum()) for place in taken}
    refused = set(poisoned) - set(taken)
    outcome = run(Models(stream, taken), checks_batches=True, refused=refused)
    return Attack(
        uploads=len(poisoned),
        refused=len(refused),
        rows_left=sum(left.values()) / made_up,
        set_aside=len([place for place in outcome.left_out if place in taken]),
        served=any(left.get(place_of(batch)) for batch in outcome.learned),
        worse=outcome.loss / clean - 1.0,
    )


def _figures(found: Mapping[tuple[str, float], Sequence[Attack]]) -> Iterator[Figure]:
    for share, most in MOST_WORSE.items():
        worse = [each.worse for (_, asked), attacks in found.items() for each in attacks if asked == share]
        if worse:
            yield Figure(f"users' loss with {share:.0%} made-up rows, the worst", max(worse), most, "at most")


def _text(found: Mapping[tuple[str, float], Sequence[Attack]]) -> Iterator[str]:
    header = ("poison", "share", "files refused", "rows past the contract", "set aside", "served on", "users' loss")
    lines = []
    for (kind, share), attacks in found.items():
        uploads = sum(each.uploads for each in attacks)
        worse = [each.worse for each in attacks]
        lines.append(
            [
                kind,
                f"{share:.0%}",
                f"{sum(each.refused for each in attacks) / uploads:.0%}",
                f"{np.mean([each.rows_left for each in attacks]):.0%}",
                f"{sum(each.set_aside for each in attacks) / uploads:.0%}",
                f"{sum(each.served for each in attacks)} of {len(attacks)}",
                f"{np.mean(worse):+.1%} ({max(worse):+.1%})",
            ]
        )
    yield (
        "Every upload of the second half of a stream has this share of made-up rows. The contract is the one that "
        "`contender init` proposes; *set aside* are uploads that no model was trained on; *served on* are streams on "
        "which a model that had learned such rows served; the loss is the mean over the streams, and the worst."
    )
    yield markdown_table(header, lines)

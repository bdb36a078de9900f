"""Stored judgements of challengers, and when a waiting challenger is judged again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from contender.comparison.kept_evidence import PairedBlocks
from contender.data.datasets import DatasetManifest
from contender.ports import Objects

LOOK_AGAIN = 1.5
"""Under the rule `proven` each look at a waiting challenger has this many times the rows of the last one. So the number
of looks grows with the logarithm of the rows: the level of the k-th look falls as 1/k^2 while its rows grow as 1.5^k.
The other rules look with every new row."""


@dataclass(frozen=True)
class Judgement:
    """One look at a challenger: in which run, on how many rows, and the largest order (time) among them.

    `best_champion` is the best champion of the past year by all that was seen; empty where there was none.
    `evidence` is what these rows added about pairs of versions.
    """

    version: str
    run_id: str
    verdict: str
    rows: int
    through_order: float
    best_champion: str = ""
    evidence: tuple[PairedBlocks, ...] = ()

    @classmethod
    def from_json(cls, body: bytes) -> Judgement:
        """As it was written."""
        content = json.loads(body)
        content["evidence"] = tuple(PairedBlocks(**each) for each in content.get("evidence", ()))
        return cls(**content)


@dataclass(frozen=True)
class Judgements:
    """The judgements of a pipeline's model versions, one a run: whoever repeats a run's look writes it again."""

    objects: Objects
    pipeline: str

    def key(self, version: str, run_id: str) -> str:
        """The key of the run's judgement of this version in the data bucket."""
        return f"judgements/{self.pipeline}/{version}/{run_id}.json"

    def write(self, judgement: Judgement) -> None:
        """Keep a run's judgement. Where it judged the version twice, because a race was lost, the second one counts."""
        body = json.dumps(asdict(judgement), indent=2, allow_nan=False).encode()
        self.objects.put(self.key(judgement.version, judgement.run_id), body)

    def read(self, version: str = "") -> tuple[Judgement, ...]:
        """Those of one version, or of all."""
        prefix = f"judgements/{self.pipeline}/" + (f"{version}/" if version else "")
        return tuple(Judgement.from_json(self.objects.get(key).body) for key in sorted(self.objects.keys(prefix)))


def last_of(judgements: Iterable[Judgement]) -> Judgement | None:
    """The last look at a version: each has newer rows than the one before."""
    return max(judgements, key=lambda each: (each.through_order, each.rows), default=None)


def is_due(last: Judgement | None, newer_rows: float, *, proof: bool) -> bool:
    """Whether a challenger is to be judged again, now that so many rows have come since it last was.

    Parameters
    ----------
    proof : whether the policy asks for proof, so that looks cost something.

    Examples
    --------
    >>> last = Judgement("v2", "run-7", "inconclusive", rows=600, through_order=7.0)
    >>> is_due(last, 299, proof=True), is_due(last, 300, proof=True), is_due(last, 299, proof=False)
    (False, True, True)
    """
    if last is None or last.verdict != "inconclusive" or newer_rows <= 0:
        return False
    return not proof or last.rows + newer_rows >= LOOK_AGAIN * last.rows


def rows_after(datasets: Iterable[DatasetManifest], order: float) -> float:
    """About how many rows are newer than `order`, from manifests: rows are assumed to be evenly spread in time."""
    return sum(found.rows * _share_after(found, order) for found in datasets if found.order_to > order)


def _share_after(found: DatasetManifest, order: float) -> float:
    if found.order_from > order:
        return 1.0
    return (found.order_to - order) / (found.order_to - found.order_from)


def due_version(
    newest: str,
    champion: str,
    judgements: Sequence[Judgement],
    datasets: Iterable[DatasetManifest],
    *,
    proof: bool,
) -> str:
    """The challenger to judge again; empty where none waits, or too few new rows have arrived.

    Only the newest version can wait: it supersedes what was trained before it.

    Parameters
    ----------
    newest, champion : the pipeline's newest model version, and the one that serves.
    judgements : the newest version's.
    datasets : all of the pipeline's.
    proof : as for `is_due`.
    """
    last = last_of(judgements)
    if newest == champion or last is None:
        return ""
    return newest if is_due(last, rows_after(datasets, last.through_order), proof=proof) else ""


def judged_again(challenger: str, before: Judgement, rows: int) -> str:
    """The start of a run's reason when it judged a waiting challenger.

    Examples
    --------
    >>> judged_again("v2", Judgement("v2", "run-7", "inconclusive", rows=600, through_order=7.0), 1500)
    'v2 waited for more rows and was judged again on 1,500 rows (last time 600).'
    """
    return f"{challenger} waited for more rows and was judged again on {rows:,} rows (last time {before.rows:,})."


def superseded(challenger: str, verdict: str) -> str:
    """The start when that did not promote it, and a newer challenger was trained and judged afterwards.

    Examples
    --------
    >>> superseded("v2", "inconclusive")
    'v2 waited for more rows and was judged first: inconclusive.'
    """
    return f"{challenger} waited for more rows and was judged first: {verdict}."

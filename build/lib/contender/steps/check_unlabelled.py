"""Looks at the rows of a run that have no labels yet: for drift, never to train on them."""

from __future__ import annotations

from collections.abc import Sequence

from contender.data.datasets import DatasetManifest
from contender.data.unlabelled_rows import UnlabelledRows
from contender.drift.batch_check import BatchCheck, Reference
from contender.drift.profiles.profile_store import Observations
from contender.drift.unlabelled_check import check_unlabelled
from contender.registry.pointer import Pointer
from contender.registry.versions import REFERENCE
from contender.steps.scoring_run import ScoringRun
from contender.table import Table
from contender.training.new_rows import newest_sequence
from contender.workflow.messages import Drift
from contender.workflow.run_folder import DRIFT

NO_CHAMPION = "There is no champion yet that rows without labels could be compared with."


def drift_of_unlabelled(
    run: ScoringRun,
    manifests: Sequence[DatasetManifest],
    pointer: Pointer | None,
    names: Sequence[str],
    *,
    alone: bool = True,
) -> Drift:
    """What the rows without labels say. Nothing is trained for it: what models could learn from was there before.

    Parameters
    ----------
    manifests : all dataset versions of the pipeline.
    names : of the files without labels.
    alone : whether the run has no other rows; their check is the one that is written down.
    """
    if pointer is None:
        return Drift(retrain=False, drifted=False, reason=NO_CHAMPION)
    check = _check(run, manifests, pointer, names)
    report = check.report
    if alone:
        run.folder.write(
            DRIFT, check.to_dict() | {"champion": pointer.champion, "since_order": None, "unlabelled": list(names)}
        )
    wait = "Nothing is trained before their labels come." if report.drifted else ""
    return Drift(
        retrain=False,
        drifted=report.drifted,
        reason=" ".join(filter(None, (f"{report.current_rows:,} rows without labels.", report.reason, wait))),
        drifted_features=report.drifted_features,
        rows=report.current_rows,
    )


def _check(run: ScoringRun, manifests: Sequence[DatasetManifest], pointer: Pointer, names: Sequence[str]) -> BatchCheck:
    champion = run.champion(pointer)
    reference = Reference.from_bytes(run.registry.file(champion, REFERENCE))
    observations, through = (
        Observations(run.data, run.pipeline, champion.version),
        newest_sequence(champion.manifest, manifests),
    )
    left_out = run.left_out()
    since = [found.version for found in manifests if found.sequence > through and found.version not in left_out]
    earlier = [
        found for found in map(observations.read, since) if found is not None and found.grid == reference.profile.grid
    ]
    rows = UnlabelledRows(run.data, run.pipeline)
    table = Table.concatenate([run.read_rows(rows.read(name)) for name in names])
    return check_unlabelled(run.config, reference, table, run.candidate(champion), earlier=earlier)

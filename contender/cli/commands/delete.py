"""`contender delete`: delete rows from every dataset version, and say which models learned them and what remains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from contender.adapters.files.parquet_rows import keep_rows, read_parquet
from contender.adapters.files.prediction_files import read_log
from contender.adapters.files.row_search import ids_in
from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.data.datasets import FEEDBACK
from contender.data.deletion.delete_rows import FoundRows, PartFiles, RowDeletion, learned_by
from contender.data.deletion.stored_files import FoundFiles, erase_files, find_files
from contender.errors import ConflictError, InvalidInputError, NotFoundError
from contender.predictions.deleted_from_batch import find_batch_files
from contender.predictions.deleted_from_log import LikeRows, erase_from_log, find_in_log
from contender.predictions.record import Row
from contender.query.tables import batch_prefix
from contender.registry.pointer import read_pointer
from contender.registry.versions import ModelRegistry
from contender.tracking.dvc import PREFIX, Tracked

SHOWN = 10
"""Ids of a list that are printed."""

REMAINS: Mapping[str, str] = {
    "incoming": "other uploaded files, and those that cannot be searched",
    "quarantine": "other refused files, and those that cannot be searched",
    "unlabelled": "features of files without labels whose upload is gone; ids are not kept with them",
    "batch": "other batch predictions and their input",
    "predictions": "the prediction log, which has no ids",
    "feedback": "labels that were sent in, without ids",
    "labelled": "other labelled predictions that were learned or set aside",
    "runs": "reports of runs, which may quote cells",
}
"""Folders of the data bucket that hold values too, and what they hold."""


def add_to(app: typer.Typer) -> None:
    """Add `contender delete` to the app."""
    app.command()(delete)


def delete(
    pipeline: PipelineOption,
    ids: Annotated[list[str] | None, typer.Argument(help="Row ids: values of the column row_id.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file with one row id a line.")] = None,
    reason: Annotated[str, typer.Option(help="Reason; kept in the list of deletions.")] = "",
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Leave uploads and refused files that hold the rows as they are.")
    ] = False,
    from_log: Annotated[
        bool,
        typer.Option(
            "--from-log",
            help="Also delete the rows of the prediction log that are like these in every feature, and rows that were "
            "learned from their labels.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Delete rows from every dataset version, for good. A deleted row that is uploaded again is left out.

    Uploads, refused files and files for batch prediction that hold a row are erased whole, with what was made of them.
    Rows of the prediction log have no ids: those that are like a deleted row in every feature are counted, and deleted
    with --from-log. It names the model versions that learned the rows, and what else may hold them. Models do not
    change: train a new one with `contender retrain`.

    Example: contender delete R17 R18 --pipeline flights --reason "request of 3 May"
    """
    if not yes and (as_json or not sys.stdin.isatty()):
        raise InvalidInputError("deleting cannot be undone and nobody can be asked here; add --yes")
    bench = workbench(pipeline, environment)
    refuse_during_a_run(bench)
    with errors.status("looking for the rows") as spinner:
        deletion = RowDeletion(
            bench.data,
            pipeline_config(pipeline),
            PartFiles(read_parquet, keep_rows),
            lambda body: f"{PREFIX}/{Tracked.of('', body).key}",
            spinner.update,
        )
        wanted = [*(ids or ()), *ids_of(file)]
        found = deletion.find(wanted)
        logged = find_in_log(bench.data, pipeline, rows_of(deletion, found), read_log, spinner.update)
        if from_log and logged:  # a labelled prediction is a row of its own, named by the prediction's id
            wanted += ids_in_log(logged)
            found = replace(deletion.find(wanted), unknown=found.unknown)
        models = learned_by(found.losing, model_manifests(bench))
        files = FoundFiles() if keep_files else files_with(bench, wanted, deletion.row_id, spinner.update)
    found = with_ids(found, files.ids)
    if not found.ids and not found.deleted:
        raise NotFoundError(f"{pipeline} has no row {listed(found.unknown)}; ids are values of {deletion.row_id}")
    if not as_json:
        print_found(found, models, champion_of(bench))
        print_files(files)
        print_logged(logged, erased=from_log)
    if found.ids and not yes and not typer.confirm(_question(found, files)):
        raise typer.Exit(1)
    with errors.status("deleting") as spinner:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        delete_them = partial(deletion.delete, at=at, by=caller_of(bench), reason=reason, models=list(models))
        left = found
        if from_log:  # while the rows are there to be compared with, should this be cut short
            learned, left = by_source(found, ids_in_log(logged))
            delete_them(learned)
            erase_from_log(bench.data, logged, keep_rows, spinner.update)
        delete_them(left)
        erase_files(bench.data, files)
    remains = what_remains(bench)
    if as_json:
        print_json(in_json(found, models, files, logged, remains) | {"from_log": from_log})
    else:
        print_end(bench, found, models, remains)
    running = run_in_progress(bench)
    if running:
        errors.print(f"run {running} started meanwhile; run the command again when it has ended", markup=False)


def run_in_progress(bench: Workbench) -> str:
    """The run that holds the pipeline's lease; empty where none does."""
    lease = bench.ledger.lease(bench.pipeline)
    return lease.owner if lease is not None and lease.expires_at >= datetime.now(UTC).timestamp() else ""


def refuse_during_a_run(bench: Workbench) -> None:
    """Raise ConflictError while a run is in progress: it may be reading the rows."""
    running = run_in_progress(bench)
    if running:
        raise ConflictError(
            f"run {running} is in progress and may read these rows; try again when it has ended: "
            f"contender show {running[:8]}"
        )


def ids_of(file: Path | None) -> list[str]:
    """The lines of a file of ids, without empty ones.

    Raises
    ------
    NotFoundError
        When there is no such file.
    """
    if file is None:
        return []
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"{file} cannot be read as a list of row ids: {error}") from None


def model_manifests(bench: Workbench) -> Sequence[Mapping[str, Any]]:
    """The manifests of all model versions."""
    registry = ModelRegistry(bench.models, bench.pipeline)
    return [registry.read(version).manifest for version in registry.versions()]


def champion_of(bench: Workbench) -> str:
    """The version that serves; empty before the first promotion."""
    state = read_pointer(bench.models, bench.pipeline)
    return state.pointer.champion if state is not None else ""


def what_remains(bench: Workbench) -> dict[str, int]:
    """How many objects there are in the folders that may hold the rows too."""
    counted = {f"{folder}/{bench.pipeline}/": 0 for folder in REMAINS}
    found = {prefix: len(bench.data.keys(prefix)) for prefix in counted}
    return {prefix: number for prefix, number in found.items() if number}


def listed(ids: Sequence[str]) -> str:
    """
    >>> listed([str(number) for number in range(12)])
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more'
    """
    more = f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more


def files_with(bench: Workbench, ids: Sequence[str], row_id: str, report: Callable[[str], None]) -> FoundFiles:
    """The uploads, refused files and files of batch prediction that hold the rows."""
    search = partial(ids_in, row_id=row_id, ids=ids)
    waiting = {batch.key for batch in bench.ledger.pending_batches(bench.pipeline)}
    stored = find_files(bench.data, bench.pipeline, search, waiting=waiting, report=report)
    of_results = partial(ids_in, row_id="row_id", ids=ids)
    lists = bench.data.keys(batch_prefix(bench.pipeline))
    return stored.and_also(find_batch_files(bench.data, bench.pipeline, search, of_results, lists=lists, report=report))


def rows_of(deletion: RowDeletion, found: FoundRows) -> Sequence[Row]:
    """The features of the rows that are to be deleted, as the dataset versions have them."""
    rows: list[Row] = []
    for each in found.losing:
        names = [name for name in deletion.config.features if name in each.manifest.columns]
        table = deletion.files.read(deletion.store.part(each.manifest), names).select_rows(np.flatnonzero(each.lost))
        rows += [
            dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)
        ]
    return rows


def ids_in_log(logged: Sequence[LikeRows]) -> list[str]:
    """The ids of predictions, each once: a row with a label is in two files."""
    return sorted({one for each in logged for one in each.prediction_ids})


def with_ids(found: FoundRows, ids: Collection[str]) -> FoundRows:
    """What was found, and rows that no dataset version has but a file."""
    only_there = [one for one in found.unknown if one in ids]
    unknown = tuple(one for one in found.unknown if one not in ids)
    return replace(found, ids=(*found.ids, *only_there), unknown=unknown)


def by_source(found: FoundRows, logged: Collection[str]) -> tuple[FoundRows, FoundRows]:
    """The rows that were learned from labels of logged predictions, by the predictions' ids, and the others."""
    of_feedback = [each for each in found.losing if each.manifest.source == FEEDBACK]
    return (
        replace(found, ids=tuple(one for one in found.ids if one in logged), losing=tuple(of_feedback)),
        replace(
            found,
            ids=tuple(one for one in found.ids if one not in logged),
            losing=tuple(each for each in found.losing if each not in of_feedback),
        ),
    )


def _question(found: FoundRows, files: FoundFiles) -> str:
    erased = f" and erase {len(files.erased):,} files" if files.erased else ""
    return f"delete {found.rows:,} rows{erased} for good?"


def in_json(
    found: FoundRows,
    models: Mapping[str, str],
    files: FoundFiles,
    logged: Sequence[LikeRows],
    remains: Mapping[str, int],
) -> dict[str, Any]:
    """The command's result for scripts."""
    return {
        "deleted": list(found.ids),
        "deleted_before": list(found.deleted),
        "unknown": list(found.unknown),
        "not_searched": list(found.not_searched),
        "datasets": {each.manifest.version: each.rows for each in found.losing},
        "models": dict(models),
        "files": list(files.erased),
        "files_waiting": list(files.waiting),
        "files_not_searched": list(files.unreadable),
        "like_logged": ids_in_log(logged),
        "remains": dict(remains),
    }


def print_found(found: FoundRows, models: Mapping[str, str], champion: str) -> None:
    """What is about to be deleted."""
    if found.unknown:
        console.print(f"unknown: {listed(found.unknown)}", markup=False)
    if found.not_searched:
        console.print(
            f"{len(found.not_searched):,} dataset versions have no row ids and were not searched: "
            f"{listed(found.not_searched)}; to leave one out: contender dataset leave-out VERSION",
            markup=False,
        )
    if found.deleted:
        console.print(f"deleted before: {listed(found.deleted)}", markup=False)
    if not found.ids:
        return
    rows = [
        (each.manifest.version, f"{each.rows:,} of {each.manifest.rows:,}", each.manifest.created_at[:10])
        for each in found.losing
    ]
    print_table(("dataset version", "rows", "arrived"), rows)
    if models:
        names = [(name, how, "champion" if name == champion else "") for name, how in models.items()]
        print_table(("model version", "these rows", ""), names)


def print_files(files: FoundFiles) -> None:
    """Which files are about to be erased, and which are not."""
    for keys, what in (
        (files.erased, "erased whole"),
        (files.waiting, "waiting for a run; run the command again when it has ended"),
        (files.unreadable, "not searched: no such column, or not readable; look yourself"),
    ):
        if keys:
            console.print(f"{len(keys):,} files {what}: {listed(keys)}", markup=False)


def print_logged(logged: Sequence[LikeRows], *, erased: bool) -> None:
    """Which rows of the prediction log are like those, and what becomes of them."""
    ids = ids_in_log(logged)
    if ids:
        what = "deleted, too" if erased else "kept until they expire; to delete them: --from-log"
        console.print(
            f"{len(ids):,} logged predictions are like them in every feature; {what}: {listed(ids)}", markup=False
        )


def print_end(bench: Workbench, found: FoundRows, models: Mapping[str, str], remains: Mapping[str, int]) -> None:
    """What was done, and what is left to do."""
    console.print(f"deleted {len(found.ids):,} ids: {found.rows:,} rows in {len(found.losing):,} dataset versions")
    if models:
        console.print(
            f"{len(models):,} model versions know them; train one without: contender retrain {bench.where}",
            markup=False,
        )
    if remains:
        console.print("these folders may hold them too and were left as they are:", markup=False)
        folders = [(prefix, f"{number:,}", REMAINS[prefix.split("/")[0]]) for prefix, number in remains.items()]
        print_table((f"in {bench.data.bucket}", "objects", "holds"), folders)

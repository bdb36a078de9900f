"""`reproduce`: train a model version again from its manifest, and say whether it is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import contender
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    let_own_packages_be_imported,
    workbench,
    workbench_as,
)
from contender.data.datasets import DatasetStore
from contender.errors import NotFoundError
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.training.fingerprint import code_sha256, with_own_code
from contender.training.reproduction import Difference, Reproduction, compare, in_words
from training_image.task.apart import train_apart


def add_to(app: typer.Typer) -> None:
    """Add `contender reproduce` to the app."""
    app.command()(reproduce)


def reproduce(
    version: Annotated[str, typer.Argument(help="A model version, or its first characters.")],
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    source: Annotated[
        str,
        typer.Option("--from", metavar="ENV", help="The environment with its data, for a version that was promoted."),
    ] = "",
    role: Annotated[
        str, typer.Option("--role", metavar="ARN", help="A role in the account of --from, to read the data as.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Retrain a model version from its manifest and check that its files are the same, byte for byte.

    It trains on this machine, on the version's own rows, and changes nothing. The exit code is 0 if all files match.
    The rows of a version that was promoted are where it was trained: `--env prod --from dev` holds prod's files to a
    training on dev's rows.

    Example: contender reproduce 20260101T000000Z-0123abcd-4567ef01 --pipeline flights
    """
    if role and not source:
        raise typer.BadParameter("it is a role in the account of --from ENV, which is missing", param_hint="--role")
    bench, model = find_model(version, [pipeline] if pipeline else all_pipelines(), environment)
    data = data_of(bench, model, source, role)
    with console.status(f"training {model.version} again") as spinner:
        found = made_again(bench, model, data, report=spinner.update)
    deleted = deleted_rows(data, model)
    if as_json:
        print_json(asdict(found) | {"said": in_words(found), "deleted_rows": deleted})
    else:
        print_found(found)
        if deleted:
            console.print(f"{deleted:,} rows were deleted from its data (contender delete); they are left out here")
    if not found.same:
        raise typer.Exit(1)


def find_model(version: str, pipelines: list[str], environment: str) -> tuple[Workbench, ModelVersion]:
    """The model version whose name starts so, of any pipeline.

    Raises
    ------
    NotFoundError
        When there is none, or more than one.
    """
    benches = [workbench(name, environment) for name in pipelines]
    found = [
        (bench, name)
        for bench in benches
        for name in ModelRegistry(bench.models, bench.pipeline).versions()
        if version and name.startswith(version)
    ]
    if len(found) != 1:
        several = ", ".join(name for _, name in found[:3])
        raise NotFoundError(
            f"{len(found)} model versions start with {version!r}: {several}; give more characters"
            if found
            else f"no model version starts with {version!r}; the champion's: contender champion --pipeline NAME"
        )
    bench, name = found[0]
    return bench, ModelRegistry(bench.models, bench.pipeline).read(name)


def data_of(bench: Workbench, model: ModelVersion, source: str, role: str) -> DatasetStore:
    """The datasets that have all that the version was trained on.

    Raises
    ------
    NotFoundError
        When some of it is not there; the message says where it may be.
    """
    environment = source or bench.environment
    data = workbench_as(bench.pipeline, source, role).data if source else bench.data
    store = DatasetStore(data, bench.pipeline)
    needed = model.manifest["datasets"]
    missing = [version for version in needed if not store.exists(version)]
    if not missing:
        return store
    said = (
        f"{environment} has {len(needed) - len(missing)} of the {len(needed)} dataset versions that {model.version} "
        f"was trained on; {missing[0]} is not there"
    )
    if source:
        raise NotFoundError(f"{said}. The environment it was promoted from has them; give that one as --from")
    raise NotFoundError(
        f"{said}. If it was promoted from another environment, its rows stayed there: contender reproduce "
        f"{model.version} --pipeline {bench.pipeline} --env {environment} --from ENV"
    )


def made_again(
    bench: Workbench, model: ModelVersion, store: DatasetStore, *, report: Callable[[str], None]
) -> Reproduction:
    """Train the version again with the code that runs here, and compare its files with those in the registry.

    It trains in a process of its own: the numeric kernels are those of a training task, whatever this shell sets.
    """
    registry = ModelRegistry(bench.models, bench.pipeline)
    recorded = {name: registry.file(model, name) for name in model.manifest["files"]}
    let_own_packages_be_imported()
    made_by = model.manifest.get("settings", {}).get("training", {}).get("estimator", "")
    code = with_own_code(code_sha256(Path(contender.__file__).resolve().parents[1]), made_by)
    keys = [key for version in model.manifest["datasets"] for key in store.keys(version)]
    manifest, files = train_apart(model.manifest, store.objects, keys, code=code, report=report)
    return compare(model.manifest, recorded, manifest, files)


def deleted_rows(store: DatasetStore, model: ModelVersion) -> int:
    """How many rows were deleted from the version's data, before its training or since."""
    return sum(store.manifest(version).deleted for version in model.manifest["datasets"])


def print_found(found: Reproduction) -> None:
    """For a terminal: each file, and what differs."""
    marks = {True: "same", False: "different"}
    print_table(("file", "", "sha256"), [(one.name, marks[one.same], one.recorded[:16]) for one in found.files])
    differences = (*found.circumstances, *found.figures)
    if differences:
        console.print()
        print_table(("different", "recorded", "now"), [_row(one) for one in differences])
    console.print(in_words(found), markup=False)


def _row(found: Difference) -> tuple[str, str, str]:
    return found.name, _short(found.recorded), _short(found.now)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return "–" if value is None else str(value)[:40]

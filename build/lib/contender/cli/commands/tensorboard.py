"""`contender tensorboard`: a model version as TensorBoard event files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contender.adapters.trackers.plots import draw
from contender.adapters.trackers.tensorboard import write_events
from contender.cli.console import console, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import NotFoundError
from contender.registry.pointer import require_pointer
from contender.registry.versions import ModelRegistry
from contender.tracking.mirror import version_files


def tensorboard(
    version: Annotated[str, typer.Argument(help="A model version, its first characters, or: champion.")],
    pipeline: PipelineOption,
    logdir: Annotated[Path, typer.Option(help="Folder for the event files, in a subfolder of the version's name.")],
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Write a version's metrics, curves and plots as TensorBoard event files.

    Example: contender tensorboard champion --pipeline flights --logdir boards
    """
    bench = workbench(pipeline, environment)
    registry = ModelRegistry(bench.models, pipeline)
    model = registry.read(find_version(registry, version))
    told, explanation = version_files(bench.data, registry, model)
    folder = logdir / model.version
    write_events(folder, told, draw(told.evidence or {}, explanation, None))
    if as_json:
        print_json({"version": model.version, "folder": str(folder)})
        return
    console.print(str(folder), markup=False)
    console.print(f"view with: tensorboard --logdir {logdir}", style="dim", markup=False)


def find_version(registry: ModelRegistry, asked: str) -> str:
    """Raises NotFoundError when no version, or more than one, starts so."""
    if asked == "champion":
        return require_pointer(registry.objects, registry.pipeline).pointer.champion
    found = [version for version in registry.versions() if version.startswith(asked)]
    if len(found) != 1:
        raise NotFoundError(
            f"{'no' if not found else 'more than one'} version of {registry.pipeline} starts with {asked!r}; the "
            f"newest are {', '.join(registry.versions()[-3:]) or 'none'}"
        )
    return found[0]


def add_to(app: typer.Typer) -> None:
    """Add `contender tensorboard` to the app."""
    app.command()(tensorboard)

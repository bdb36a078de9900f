"""The data that models are made of: `dataset list` shows its versions, `dataset export` hands them to DVC, and `dataset
keep` and `dataset leave-out` decide which ones models are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.files.atomic import write_whole
from contender.cli.caller import caller_of
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.data.dataset_fate import DatasetFate, Fate
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.errors import InvalidInputError, NotFoundError
from contender.registry.versions import ModelRegistry
from contender.tracking import dvc
from localcloud.state import CREDENTIALS

datasets = typer.Typer(
    no_args_is_help=True,
    help="List the dataset versions of a pipeline, leave one out of training, or export them to DVC.\n\n"
    "Example: contender dataset list --help",
)


def add_to(app: typer.Typer) -> None:
    """Add the group `contender dataset` with its commands to the app."""
    datasets.command("list")(list_versions)
    datasets.command("export")(export)
    datasets.command("keep")(keep)
    datasets.command("leave-out")(leave_out)
    app.add_typer(datasets, name="dataset")


def list_versions(
    pipeline: PipelineOption, environment: EnvironmentOption = DEFAULT_ENVIRONMENT, as_json: JsonOption = False
) -> None:
    """List a pipeline's dataset versions, newest first: time of arrival, rows, source file, and what looked broken.

    Example: contender dataset list --pipeline flights
    """
    store = DatasetStore(workbench(pipeline, environment).data, pipeline)
    manifests, fates = store.manifests()[::-1], store.fates()
    if as_json:
        print_json([_as_json(found, fates.get(found.version)) for found in manifests])
        return
    if not manifests:
        console.print(f"no data yet; upload some with: contender upload FILE --pipeline {pipeline}", markup=False)
        return
    rows = [
        (
            found.version,
            found.created_at[:16].replace("T", " "),
            f"{found.rows:,}" + (f" ({found.deleted:,} deleted)" if found.deleted else ""),
            found.run_id[:8],
            Text(found.source_key),
        )
        for found in manifests
    ]
    print_table(("version", "arrived", "rows", "run", "file"), rows)
    for found in manifests:
        if found.version in fates:
            console.print(f"{found.version} is {_in_words(fates[found.version])}", markup=False)


def _as_json(found: DatasetManifest, fate: DatasetFate | None) -> dict[str, Any]:
    """Without the summary, which is for later batches."""
    content = found.to_dict() | {"fate": asdict(fate) if fate else None}
    del content["summary"]
    return content


def _in_words(fate: DatasetFate) -> str:
    """
    >>> _in_words(DatasetFate("left out", "", "amounts in cents", "", "Ada", ""))
    'left out by Ada: amounts in cents'
    """
    by = f" by {fate.by}" if fate.by else ""
    return f"{fate.fate}{by}: {fate.reason}" if fate.reason else f"{fate.fate}{by}"


VersionArgument = Annotated[str, typer.Argument(help="A dataset version, or its first characters.")]
ReasonOption = Annotated[str, typer.Option(help="Reason; shown in lists, reports and model cards.")]


def keep(
    version: VersionArgument,
    pipeline: PipelineOption,
    reason: ReasonOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Train on a dataset version, although it looks broken. No later run decides otherwise.

    Example: contender dataset keep 8f14e45f --pipeline flights --reason "a holiday week"
    """
    _decide(version, pipeline, environment, "kept", reason, as_json=as_json)


def leave_out(
    version: VersionArgument,
    pipeline: PipelineOption,
    reason: ReasonOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Leave a dataset version out: no model is trained or judged on it from now on. Its rows stay stored.

    Example: contender dataset leave-out 8f14e45f --pipeline flights --reason "amounts in cents"
    """
    _decide(version, pipeline, environment, "left out", reason, as_json=as_json)


def _decide(version: str, pipeline: str, environment: str, fate: Fate, reason: str, *, as_json: bool) -> None:
    """Write a person's decision down.

    Raises
    ------
    NotFoundError
        When there is no such dataset version, or more than one.
    """
    bench = workbench(pipeline, environment)
    store = DatasetStore(bench.data, pipeline)
    names = [found.version for found in store.manifests() if version and found.version.startswith(version)]
    if len(names) != 1:
        raise NotFoundError(
            f"{len(names)} dataset versions of {pipeline} start with {version!r}; see contender dataset list "
            f"{bench.where}"
        )
    before = store.fates().get(names[0])
    sign = before.sign if before else ""
    decided = DatasetFate(fate, sign, reason, "", caller_of(bench), datetime.now(UTC).isoformat(timespec="seconds"))
    store.decide(names[0], decided)
    if as_json:
        print_json({"version": names[0]} | asdict(decided))
        return
    console.print(f"{names[0]} is {fate}. Train a model now: contender retrain {bench.where}", markup=False)


def export(
    version: Annotated[
        str, typer.Argument(help="A dataset version, or its first characters; or a model version, for all its data.")
    ],
    pipeline: PipelineOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for the .dvc files; created if missing.")],
    remote: Annotated[
        Path | None, typer.Option("--remote", help="Use this folder as the DVC remote instead of the data bucket.")
    ] = None,
    config: Annotated[bool, typer.Option("--config", help="Also write .dvc/config, which names the remote.")] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Export a dataset version to DVC: write a .dvc file and store its rows where `dvc pull` finds them.

    The rows are Parquet, byte for byte what models are trained on.

    Example: contender dataset export 8f14e45f --pipeline flights --out data --config
    """
    bench = workbench(pipeline, environment)
    destination = Destination(bench, remote.resolve() if remote else None)
    manifests = versions_named(bench, version)
    if config:
        write_config(destination.remote, out)
    exported = [export_version(destination, found, out) for found in manifests]
    if as_json:
        url = destination.remote.url
        print_json([asdict(tracked) | {"file": str(path), "remote": url} for tracked, path in exported])
        return
    for tracked, path in exported:
        about = f"{tracked.size:,} bytes, md5 {tracked.md5}, in {destination.remote.url}"
        console.print(f"wrote {path}: {about}", markup=False)
    console.print(f"next, in {out}:", style="dim", markup=False)
    files = " ".join(path.name for _tracked, path in exported)
    pull = ["dvc pull"] if config else [*destination.remote.commands(), f"dvc pull -r {dvc.REMOTE} {files}"]
    for command in pull:
        console.print(f"  {command}", markup=False)


@dataclass(frozen=True)
class Destination:
    """Where DVC is to find files: the data bucket of a pipeline's environment, or a folder of this machine."""

    bench: Workbench
    folder: Path | None

    @property
    def remote(self) -> dvc.Remote:
        """The DVC remote with its endpoint, region and, for the local cloud, its keys."""
        if self.folder:
            return dvc.Remote(str(self.folder))
        cloud = self.bench.cloud
        keys = (CREDENTIALS["aws_access_key_id"], CREDENTIALS["aws_secret_access_key"])  # these open nothing
        url = f"s3://{self.bench.data.bucket}/{dvc.PREFIX}"
        return dvc.Remote(url, cloud.endpoint_url, cloud.session.region_name, keys if cloud.endpoint_url else None)

    def add(self, tracked: dvc.Tracked, source_key: str, body: bytes) -> None:
        """Put a file there; what is there already is left as it is. The bucket copies it by itself."""
        if self.folder:
            write_content(self.folder / tracked.key, body)
            return
        key = f"{dvc.PREFIX}/{tracked.key}"
        if not self.bench.data.keys(key):
            self.bench.data.copy(source_key, key)


def write_content(path: Path, body: bytes) -> None:
    """Write a file that is named by its content: one that is there is taken for complete."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, body)


def versions_named(bench: Workbench, version: str) -> Sequence[DatasetManifest]:
    """The dataset versions with this beginning, or those that a model version was trained on.

    Raises
    ------
    NotFoundError
        When there is none, or a beginning fits more than one.
    """
    store, registry = DatasetStore(bench.data, bench.pipeline), ModelRegistry(bench.models, bench.pipeline)
    manifests = store.manifests()
    found = [manifest for manifest in manifests if version and manifest.version.startswith(version)]
    if len(found) == 1:
        return found
    if not found and version in registry.versions():
        return [store.manifest(name) for name in registry.read(version).manifest["datasets"]]
    what = f"{len(found)} dataset versions of {bench.pipeline} start" if found else "no dataset or model version starts"
    raise NotFoundError(f"{what} with {version!r}; see contender dataset list {bench.where}")


def export_version(destination: Destination, manifest: DatasetManifest, out: Path) -> tuple[dvc.Tracked, Path]:
    """Put a dataset version into the remote, checked against its manifest, and write the file that stands for it."""
    store = DatasetStore(destination.bench.data, manifest.pipeline)
    body = store.part(manifest)
    tracked = dvc.Tracked.of(f"{manifest.pipeline}-{manifest.version}.parquet", body)
    destination.add(tracked, store.key(manifest.version, manifest.part), body)
    path = out / f"{tracked.name}.dvc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tracked.to_yaml(), encoding="utf-8")
    return tracked, path


def write_config(remote: dvc.Remote, out: Path) -> None:
    """Make `out` a folder that DVC works in.

    Raises
    ------
    InvalidInputError
        When it is one already, with other settings: they are somebody's own.
    """
    folder = out / ".dvc"
    path, text = folder / "config", remote.config(scm=(out / ".git").exists())
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InvalidInputError(
            f"{path} has other settings. Leave --config out and add the remote by hand, starting with: "
            f"{remote.commands()[0]}. Or delete the file if an earlier export wrote it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    if remote.keys:
        (folder / "config.local").write_text(remote.config_local(), encoding="utf-8")

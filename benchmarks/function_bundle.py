"""Contender's serving function as a folder, for the interpreter that the contestants share, and its size as shipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.environments import FOLDER, LAMBDA_RUNTIME, LAMBDA_SKLEARN, PEERS
from stacks.bundling import EXCLUDED, PACKAGES, UNUSED, compile_bundle, prune, write_bundle

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "lambdas" / "serve" / "requirements.txt"


def contender_function(folder: Path) -> Path:
    """Write the function as it ships: the wheels that it pins and our packages, pruned and compiled."""
    shutil.copytree(_wheels(), folder)
    _copy_packages(folder)
    compile_bundle(folder, str(LAMBDA_RUNTIME.python()))
    return folder


def sklearn_function(folder: Path) -> Path:
    """Write our packages with scikit-learn in the place of ONNX Runtime."""
    _copy_packages(folder)
    shutil.copy(PEERS / LAMBDA_SKLEARN.folder / "onnx_model.py", folder / "contender" / "adapters" / "onnx_model.py")
    compile_bundle(folder, str(LAMBDA_SKLEARN.python()))
    return folder


def shipped_bytes(folder: Path) -> int:
    """The function's unzipped size, built into this folder just as a deployment builds it."""
    write_bundle(ROOT, REQUIREMENTS, folder)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _wheels() -> Path:
    """The pruned wheels, kept for the next run."""
    folder = FOLDER / "function_wheels"
    made, wanted = folder.with_suffix(".txt"), "\n".join([REQUIREMENTS.read_text(), *UNUSED])
    if not made.exists() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        install = ["-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), "-r", str(REQUIREMENTS)]
        subprocess.run([str(LAMBDA_RUNTIME.python()), *install], check=True, capture_output=True)
        prune(folder)
        made.write_text(wanted)
    return folder


def _copy_packages(folder: Path) -> None:
    for package in PACKAGES:
        ignore = shutil.ignore_patterns(*EXCLUDED)
        shutil.copytree(ROOT / package, folder / package, ignore=ignore, dirs_exist_ok=True)
    shutil.copy(PEERS / LAMBDA_RUNTIME.folder / "timed_handler.py", folder)

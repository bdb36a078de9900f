"""Contender's serving function as a folder, for the interpreter that the contestants share, and its size as shipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.environments import FOLDER, LAMBDA_RUNTIME, LAMBDA_SKLEARN, PEERS
from stacks.bundling import EXCLUDED, PACKAGES, compile_bundle, content_hash, prune, write_bundle

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "lambdas" / "serve" / "requirements.txt"


def contender_folder() -> Path:
    """The wheels that the function's requirements pin, and our packages: pruned and compiled, as they ship."""
    python, folder = LAMBDA_RUNTIME.python(), FOLDER / "function"
    made, content = folder / "made.txt", content_hash(ROOT, REQUIREMENTS)
    if not made.exists() or made.read_text() != content:
        shutil.rmtree(folder, ignore_errors=True)
        install = ["-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), "-r", str(REQUIREMENTS)]
        subprocess.run([str(python), *install], check=True, capture_output=True)
        _copy_packages(folder)
        prune(folder)
        compile_bundle(folder, str(python))
        made.write_text(content)
    return folder


def sklearn_folder() -> Path:
    """Our packages with scikit-learn in the place of ONNX Runtime."""
    folder = FOLDER / "function_sklearn"
    shutil.rmtree(folder, ignore_errors=True)
    _copy_packages(folder)
    shutil.copy(PEERS / LAMBDA_SKLEARN.folder / "onnx_model.py", folder / "contender" / "adapters" / "onnx_model.py")
    compile_bundle(folder, str(LAMBDA_SKLEARN.python()))
    return folder


def shipped_bytes(folder: Path) -> int:
    """The function's unzipped size, built into this folder just as a deployment builds it."""
    write_bundle(ROOT, REQUIREMENTS, folder)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _copy_packages(folder: Path) -> None:
    for package in PACKAGES:
        ignore = shutil.ignore_patterns(*EXCLUDED)
        shutil.copytree(ROOT / package, folder / package, ignore=ignore, dirs_exist_ok=True)

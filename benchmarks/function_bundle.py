"""Contender's serving function as a folder, for the interpreter that the contestants share, and its size as shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.environments import FOLDER, LAMBDA_RUNTIME, LAMBDA_SKLEARN, PEERS
from localcloud.package_installer import install
from stacks.bundle import EXCLUDED, PACKAGES, UNUSED, compile_bundle, prune, write_bundle

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "lambdas" / "serve" / "requirements.txt"
HANDLER = "timed_handler.py"
REPLACED = Path("contender", "adapters", "serving", "onnx_model.py")
"""What scikit-learn's contestant has its own of."""


def contender_function(folder: Path) -> Path:
    """Write the function as it ships: the wheels that it pins and our packages, pruned and compiled."""
    shutil.copytree(_wheels(), folder)
    _copy_packages(folder)
    _compile_packages(folder)
    return folder


def contender_container(folder: Path) -> Path:
    """Write what the serving container has beside its web server: the function, and the application around it."""
    contender_function(folder)
    ignore = shutil.ignore_patterns(*EXCLUDED)
    shutil.copytree(ROOT / "serving_image", folder / "serving_image", ignore=ignore)
    return folder


def sklearn_function(folder: Path, ours: Path) -> Path:
    """Write the packages of our function in `ours` with scikit-learn in the place of ONNX Runtime."""
    for package in PACKAGES:
        shutil.copytree(ours / package, folder / package)
    shutil.copy(ours / HANDLER, folder)
    _replace(PEERS / LAMBDA_SKLEARN.folder / "onnx_model.py", folder / REPLACED)
    compile_bundle((folder / REPLACED).parent, str(LAMBDA_RUNTIME.python()))
    return folder


def ship(folder: Path) -> Path:
    """Build the function into this folder just as a deployment builds it."""
    write_bundle(ROOT, REQUIREMENTS, folder)
    return folder


def bytes_in(folder: Path) -> int:
    """The size of a folder's files, as a function's unzipped size is counted."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _replace(source: Path, module: Path) -> None:
    """Put a module in the place of one of ours, which has to be there: nothing would import one that lies elsewhere."""
    if not module.is_file():
        raise FileNotFoundError(f"{source} stands in for {module.name}, which is no longer at {module}")
    shutil.copy(source, module)


def _wheels() -> Path:
    """The pruned wheels, compiled, and kept for the next run."""
    folder = FOLDER / "function_wheels"
    made, wanted = folder.with_suffix(".txt"), "\n".join([REQUIREMENTS.read_text(), *UNUSED, "compiled"])
    if not made.exists() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        install(folder, python=LAMBDA_RUNTIME.python(), requirements=REQUIREMENTS)
        prune(folder)
        compile_bundle(folder, str(LAMBDA_RUNTIME.python()))
        made.write_text(wanted)
    return folder


def _compile_packages(folder: Path) -> None:
    """Of our own; the wheels beside them are compiled already."""
    for package in PACKAGES:
        compile_bundle(folder / package, str(LAMBDA_RUNTIME.python()))


def _copy_packages(folder: Path) -> None:
    for package in PACKAGES:
        ignore = shutil.ignore_patterns(*EXCLUDED)
        shutil.copytree(ROOT / package, folder / package, ignore=ignore, dirs_exist_ok=True)
    shutil.copy(PEERS / LAMBDA_RUNTIME.folder / HANDLER, folder)

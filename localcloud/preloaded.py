"""The modules that a fork server loads: packages that a project's requirements name, as its processes import them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

IMAGE = Path("training_image/requirements.in")
FUNCTIONS = (Path("lambdas/requirements.txt"), Path("lambdas/serve/requirements.txt"), IMAGE)

CORE, TRAINING = "contender", "training_image"
_OF_CORE = re.compile(rf"^from ({CORE}[.\w]+) import", flags=re.MULTILINE)
_OF_PROJECT = re.compile(rf"^from ((?:{CORE}|{TRAINING})[.\w]+) import", flags=re.MULTILINE)

VARIABLES = {"ORT_DISABLE_TELEMETRY": "1"}
"""What is set when they are loaded: ONNX Runtime reads this then (docs/decisions/0008-no-telemetry.md)."""

# By the package's name in requirements. A module that few processes import is left to them.
OF_FUNCTIONS: Mapping[str, Sequence[str]] = {
    "aws-lambda-powertools": ("aws_lambda_powertools",),
    "boto3": ("boto3",),
    "duckdb": ("duckdb",),
    "msgspec": ("msgspec",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime",),
    "orjson": ("orjson",),
    "pandas": ("pandas",),
    "pyarrow": ("pyarrow", "pyarrow.csv", "pyarrow.parquet"),
    "python-calamine": ("python_calamine",),
    "scipy": ("scipy.special",),
}
# In this order: skops looks through all modules that are loaded before it, half a second when it is last.
OF_TASKS: Mapping[str, Sequence[str]] = {
    "skops": ("skops.io",),
    "boto3": ("boto3",),
    "lightgbm": ("lightgbm",),
    "numpy": ("numpy",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime",),
    "pandas": ("pandas",),
    "pyarrow": ("pyarrow", "pyarrow.parquet"),
    "scikit-learn": ("sklearn.ensemble",),
    "scipy": ("scipy.special", "scipy.stats"),
    "skl2onnx": ("skl2onnx",),
}


def of_functions(root: Path) -> tuple[str, ...]:
    """What a project's functions import; those of the training image run from zips as well."""
    return _modules(OF_FUNCTIONS, [root / path for path in FUNCTIONS])


def of_tasks(root: Path) -> tuple[str, ...]:
    """What a project's training task imports."""
    return _modules(OF_TASKS, [root / IMAGE])


def of_code(folder: Path) -> tuple[str, ...]:
    """What the handlers in a folder of functions' code import of the project's core, and where that lies.

    The core computes nothing when it is imported. Modules beside the handlers do: they read variables and make clients.
    """
    handlers = sorted((folder / "lambdas").glob("*/handler.py")) if (folder / CORE).is_dir() else []
    found = {name for file in handlers for name in _OF_CORE.findall(file.read_text("utf-8"))}
    return (str(folder), *sorted(found)) if found else ()


def of_training(root: Path) -> tuple[str, ...]:
    """What a project's training imports of the project itself, and where that lies; nothing where it has no core.

    Its entry points are left out: they are run, and not imported.
    """
    entries = [root / TRAINING / name for name in ("__main__.py", "train.py")] if (root / CORE).is_dir() else []
    found = {name for file in entries if file.exists() for name in _OF_PROJECT.findall(file.read_text("utf-8"))}
    return (str(root), *sorted(found)) if found else ()


def sources(root: Path) -> frozenset[tuple[str, int, int]]:
    """The files of a project's core and training, with when they were changed and their sizes."""
    files = (path for package in (CORE, TRAINING) for path in (root / package).rglob("*.py"))
    return frozenset((str(path), found.st_mtime_ns, found.st_size) for path in files for found in [path.stat()])


def _modules(by_package: Mapping[str, Sequence[str]], files: Sequence[Path]) -> tuple[str, ...]:
    """The modules of the packages that requirements files name; a project without such files has none."""
    named = {
        name.lower()
        for path in files
        if path.exists()
        for name in re.findall(r"^[A-Za-z0-9._-]+", path.read_text("utf-8"), flags=re.MULTILINE)
    }
    return tuple(module for package, modules in by_package.items() if package in named for module in modules)

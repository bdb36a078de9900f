"""The fingerprint: one digest of code, settings and data. The same fingerprint gives the same model.

The digest of the code is needed in three places that share nothing else: the training task writes it down, DetectDrift
compares with it, and the CDK app hands it over at a deployment. So this module knows the standard library only.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TRAINING_FOLDER = "training_image"
LIBRARY = "contender"
REQUIREMENTS = "training_image/requirements.txt"
OWN_REQUIREMENTS = "requirements.txt"
"""In the package of a user's own estimator: what it needs in the image beyond Contender's packages."""

HOLD_STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of a syntax tree's nodes that are lists of statements, or of nodes that have such fields."""

WHEN_TO_TRAIN = (
    "retrain_wait", "error_price_usd", "retrain_loss_rise", "retrain_growth", "retrain_batches", "suspect_batches",
)  # fmt: skip
"""Keys of `[training]` that decide whether a model is trained. The last one leaves out dataset versions too: as with a
window, once these are named, why makes no difference."""

WITHOUT_INFLUENCE = ("cpu", "memory_mib", "time_limit_seconds", *WHEN_TO_TRAIN)
"""Keys of `[training]` that decide whether and where a model is trained, and not which."""

CHOOSES_DATA = ("window", "window_batches")
"""Keys of `[training]` that choose dataset versions: once these are named, how they were chosen makes no difference."""


def code_sha256(root: Path) -> str:
    """One digest over the code that makes models.

    That is all of `training_image/`, the modules of `contender/` that it imports, directly or through others, and the
    packages that are pinned for it.

    A change of a command, a page or a function that training does not use leaves it as it is.

    Parameters
    ----------
    root : the folder that holds `contender/` and `training_image/`: the project, or what the image has of it.

    Raises
    ------
    SyntaxError
        When one of the files is no Python.
    """
    digest = hashlib.sha256()
    for name, body in sorted(_code_files(root)):
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()


def with_own_code(code: str, estimator: str) -> str:
    """The digest of the training's code, joined with that of the package of a user's own estimator, if it has one.

    An estimator in `training_image/` is part of the code's own digest already.

    Parameters
    ----------
    code : the code's own digest.
    estimator : `training.estimator` of the pipeline file.

    Examples
    --------
    >>> with_own_code("c0de", "lightgbm"), with_own_code("c0de", "training_image.mine:build")
    ('c0de', 'c0de')
    >>> len(with_own_code("c0de", "json:load"))
    64
    """
    package = estimator.partition(":")[0].partition(".")[0]
    if ":" not in estimator or package in (LIBRARY, TRAINING_FOLDER):
        return code
    spec = find_spec(package)
    if spec is None:  # the training says what is wrong with it
        return code
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))] or [Path(str(spec.origin))]
    files += [folder / OWN_REQUIREMENTS for folder in folders if (folder / OWN_REQUIREMENTS).is_file()]
    return _sha256({"code": code, "own": [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]})


def _code_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """The files that the digest of the code is over, by name, in no order."""
    if (root / REQUIREMENTS).is_file():
        yield REQUIREMENTS, (root / REQUIREMENTS).read_bytes()
    there = {
        path.relative_to(root).as_posix()
        for folder in (LIBRARY, TRAINING_FOLDER)
        for path in (root / folder).rglob("*.py")
    }
    waiting = {name for name in there if name.startswith(f"{TRAINING_FOLDER}/")}
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        body = (root / name).read_bytes()
        yield name, body
        try:
            waiting |= (_imported(body) & there) - seen
        except SyntaxError as error:
            error.filename = name
            raise


@cache
def _imported(source: bytes) -> frozenset[str]:
    """Where the library's modules may be that a source imports, wherever in it; what a package does when it is
    imported, too."""
    names: list[str] = []
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = [name.split(".") for name in names if name.partition(".")[0] == LIBRARY]
    packages = {"/".join((*parts[:length], "__init__.py")) for parts in ours for length in range(1, len(parts) + 1)}
    return frozenset(packages | {"/".join(parts) + ".py" for parts in ours})


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A file's statements, at whatever depth: no expression holds one, and most of a tree is expressions."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        for field in HOLD_STATEMENTS:
            waiting += getattr(found, field, ())


def recipe_sha256(code: str, settings: Mapping[str, Any]) -> str:
    """A digest over code and settings: when a deployment changes it, a challenger made the new way is worth a run.

    Parameters
    ----------
    code : the code's own digest.
    settings : as a model version's manifest has them.

    Examples
    --------
    >>> before = recipe_sha256("c0de", {"training": {"seed": 7, "memory_mib": 4096}, "search": {"trials": 0}})
    >>> before == recipe_sha256("c0de", {"training": {"seed": 7, "memory_mib": 8192}, "search": {"trials": 0}})
    True
    >>> before == recipe_sha256("c0de", {"training": {"seed": 8, "memory_mib": 4096}, "search": {"trials": 0}})
    False
    """
    return _sha256({"code": code, "settings": _effective(settings, without=WITHOUT_INFLUENCE)})


def fingerprint(code: str, settings: Mapping[str, Any], datasets: Sequence[str]) -> str:
    """A digest over code, settings and dataset versions: two trainings with the same one make the same model.

    Parameters
    ----------
    code : the code's own digest.
    settings : as a model version's manifest has them.
    datasets : dataset versions in the order in which they arrived; each is named by its content.

    Examples
    --------
    >>> settings = {"training": {"seed": 7, "window_batches": 0}}
    >>> fingerprint("c0de", settings, ["d1"]) == fingerprint("c0de", settings, ["d1", "d2"])
    False
    >>> fingerprint("c0de", settings, ["d1"]) == fingerprint("c0de", {"training": {"seed": 7}}, ["d1"])
    True
    """
    made_of = _effective(settings, without=(*WITHOUT_INFLUENCE, *CHOOSES_DATA))
    return _sha256({"code": code, "settings": made_of, "datasets": list(datasets)})


def version_suffix(dataset_version: str, code: str) -> str:
    """The end of a model version's name: the beginnings of its newest dataset version and of its code's digest.

    Examples
    --------
    >>> version_suffix("8f14e45fceea167a", "c0dec0dec0de")
    '-8f14e45f-c0dec0de'
    """
    return f"-{dataset_version[:8]}-{code[:8]}"


def _effective(settings: Mapping[str, Any], *, without: Sequence[str]) -> dict[str, Any]:
    """The settings that shape a model. Where nothing is searched or chosen, no budget and no metric decides."""
    training = {name: value for name, value in settings.get("training", {}).items() if name not in without}
    content = {**settings, "training": training}
    searches, chooses = bool((settings.get("search") or {}).get("trials")), training.get("estimator") == "auto"
    if not searches:
        content["search"] = {}
    if not chooses:
        training.pop("auto_seconds", None)
    if not searches and not chooses:
        content.pop("promotion", None)
    return content


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=list).encode()).hexdigest()

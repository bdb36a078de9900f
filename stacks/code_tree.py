"""The folder that functions and images are made of, where a project uses Contender as a dependency.

There Contender's packages lie among all installed ones, and an image has to hold the project's own packages too: both
are brought together in a folder of the project, made anew at every synthesis.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from contender.environments.code import PACKAGES, code_root, own_packages

FOLDER = Path(".contender/code")
OWN = "own_packages.txt"
_IMAGE = Path("training_image/Dockerfile")
_COPIED = "COPY training_image/ /app/training_image/\n"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def code_tree(project: Path) -> Path:
    """The folder with the code to deploy: the project itself, where it holds Contender's code."""
    installed = code_root(project)
    if installed == project:
        return project
    tree = project / FOLDER
    shutil.rmtree(tree, ignore_errors=True)
    for name in PACKAGES:
        shutil.copytree(installed / name, tree / name, ignore=_IGNORED)
    own = own_packages(project)
    for name in own:
        shutil.copytree(project / name, tree / name, ignore=_IGNORED)
    copied = "".join(f"COPY {name}/ /app/{name}/\n" for name in own)
    dockerfile = tree / _IMAGE
    dockerfile.write_text(dockerfile.read_text("utf-8").replace(_COPIED, _COPIED + copied), "utf-8")
    (tree / OWN).write_text("".join(f"{name}\n" for name in own), "utf-8")
    return tree


def own_packages_in(tree: Path) -> tuple[str, ...]:
    """The project's own packages in such a folder."""
    listed = tree / OWN
    return tuple(listed.read_text("utf-8").split()) if listed.is_file() else ()

"""Where Contender's own code lies: in the project, or among installed packages where it is a dependency."""

from __future__ import annotations

from pathlib import Path

import contender

PACKAGES = ("contender", "lambdas", "training_image", "statemachines")
"""What is deployed: functions, the training image, and the machines that call them."""

NOT_OWN = ("tests", "pipelines", "build", "dist")


def code_root(project: Path) -> Path:
    """The folder that holds `contender/`, `lambdas/`, `training_image/` and `statemachines/`."""
    if not (project / "pipelines").is_dir() or any((project / name).is_dir() for name in PACKAGES):
        return project
    return Path(contender.__file__).resolve().parents[1]


def own_packages(project: Path) -> tuple[str, ...]:
    """The packages of a project that uses Contender as a dependency: folders with an `__init__.py`, by name.

    None where the project holds Contender's code: what is its own lies in `training_image/` there.
    """
    if code_root(project) == project:
        return ()
    found = sorted(path.parent.name for path in project.glob("*/__init__.py"))
    return tuple(name for name in found if name not in NOT_OWN)

"""The folder that functions and images are made of, where a project uses Contender as a dependency.

There Contender's packages lie among all installed ones, and an image has to hold the project's own packages too, with
what these need: all is brought together in a folder of the project, made anew at every synthesis.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from contender.environments.code import PACKAGES, code_root, own_packages
from contender.pipeline.config import PipelineConfig
from contender.training.fingerprint import OWN_REQUIREMENTS
from stacks.own_requirements import check_own_requirements

FOLDER = Path(".contender/code")
OWN = "own_packages.txt"
_IMAGE = Path("training_image/Dockerfile")
_COPIED = "COPY training_image/ /app/training_image/\n"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
_CODE = "COPY contender/ /app/contender/\n"
# After Contender's packages are trimmed, so that what others bring stays whole; before the code,
# so that its edit installs nothing anew.
_INSTALLED = """COPY {name} /tmp/{name}
RUN python -m pip --python /opt/venv/bin/python install --no-deps --only-binary=:all: -r /tmp/{name}
"""
# A package that is missing ends the build, and not the first training.
_IMPORTED = 'RUN cd /app && LD_LIBRARY_PATH=/opt/venv/lib /opt/venv/bin/python -c "import {modules}"\n'


def code_tree(project: Path, pipelines: Sequence[PipelineConfig] = ()) -> Path:
    """The folder with the code to deploy: the project itself, where it holds Contender's code.

    Parameters
    ----------
    pipelines : the image imports what of the project's own they name, when it is built.

    Raises
    ------
    OwnRequirementsError
        When a package's own requirements cannot be part of the image.
    """
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
    required = check_own_requirements(tree, [f"{name}/{OWN_REQUIREMENTS}" for name in own])
    dockerfile = tree / _IMAGE
    steps = dockerfile.read_text("utf-8").replace(
        _CODE, "".join(_INSTALLED.format(name=name) for name in required) + _CODE
    )
    copied = "".join(_copied(own, sorted(set(_modules(pipelines, own)))))
    dockerfile.write_text(steps.replace(_COPIED, _COPIED + copied), "utf-8")
    (tree / OWN).write_text("".join(f"{name}\n" for name in own), "utf-8")
    return tree


def own_packages_in(tree: Path) -> tuple[str, ...]:
    """The project's own packages in such a folder."""
    listed = tree / OWN
    return tuple(listed.read_text("utf-8").split()) if listed.is_file() else ()


def _copied(own: Iterable[str], modules: Sequence[str]) -> Iterator[str]:
    """What the image's Dockerfile does with the project's own packages."""
    yield from (f"COPY {name}/ /app/{name}/\n" for name in own)
    if modules:
        yield _IMPORTED.format(modules=", ".join(modules))


def _modules(pipelines: Iterable[PipelineConfig], own: Sequence[str]) -> Iterator[str]:
    """The modules of own packages that pipelines name."""
    for pipeline in pipelines:
        for path in (pipeline.training.estimator, pipeline.promotion.metric):
            module, colon, _ = path.partition(":")
            if colon and module.partition(".")[0] in own:
                yield module

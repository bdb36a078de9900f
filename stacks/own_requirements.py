"""What a project's own packages need in the training image, pinned in a `requirements.txt` in each of them.

Pins, because an image that is built tomorrow must be the one of today; at the versions of Contender's own packages
where both name one, because models are trained and opened by these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_CONTINUED = re.compile(r"\\\n")
# For markers: the image's Python.
_IMAGE_PYTHON = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux"}
_AFTER = re.compile(r"(?:^|\s)(?:#|--hash).*")
IMAGE_PINS = Path("training_image/requirements.txt")


class OwnRequirementsError(RuntimeError):
    """Raised when an own package's requirements cannot be part of the image."""


def pins(text: str, name: str) -> dict[str, str]:
    """Version by package of a requirements file that pins each of them.

    Parameters
    ----------
    name : of the file, for messages.

    Raises
    ------
    OwnRequirementsError
        When a line is something else than `package==version`, whatever hashes and markers follow.

    Examples
    --------
    >>> pins("xgboost-cpu==3.1.1  # boosting\\nNumPy==2.4.6 --hash=sha256:1f\\n", "requirements.txt")
    {'xgboost-cpu': '3.1.1', 'numpy': '2.4.6'}
    >>> pins("xgboost>=3\\n", "my_models/requirements.txt")
    Traceback (most recent call last):
    stacks.own_requirements.OwnRequirementsError: my_models/requirements.txt must pin each package as \
package==version, but has 'xgboost>=3'; `make lock` pins what my_models/requirements.in names
    """
    found: dict[str, str] = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        said = _AFTER.sub("", line).strip()
        if not said:
            continue
        try:
            each = Requirement(said)
            (pin,) = each.specifier
        except (InvalidRequirement, ValueError):
            pin = None
        if pin is None or pin.operator != "==" or pin.version.endswith("*"):
            raise OwnRequirementsError(
                f"{name} must pin each package as package==version, but has {said!r}; `make lock` pins what "
                f"{name.removesuffix('.txt')}.in names"
            )
        if each.marker is None or each.marker.evaluate(_IMAGE_PYTHON):
            found[canonicalize_name(each.name)] = pin.version
    return found


def check_own_requirements(tree: Path, files: Sequence[str]) -> Sequence[str]:
    """Those of these files of a code tree that name packages.

    Raises
    ------
    OwnRequirementsError
        When one does not pin them, or at other versions than the image's; the message names file, package and version.
    """
    own = {name: pins((tree / name).read_text("utf-8"), name) for name in files if (tree / name).is_file()}
    of_image = pins((tree / IMAGE_PINS).read_text("utf-8"), str(IMAGE_PINS))
    for name, pinned in own.items():
        for package, version in pinned.items():
            if of_image.get(package, version) != version:
                raise OwnRequirementsError(
                    f"{name} pins {package} {version}, but Contender's image trains with {of_image[package]}; pin "
                    f"{package}=={of_image[package]}, or a release of what needs it that takes this one (`make lock`)"
                )
    return [name for name, pinned in own.items() if pinned]

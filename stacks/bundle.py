"""Builds a function's zip without Docker: our packages, and on AWS the wheels they need.

A bundle is named by what goes into it: one that has not changed is neither built nor uploaded again. For AWS it is
compiled, because a function's folder is read-only there: Python would compile all of it at every start, which takes
longer than the rest of the start. In the local cloud functions share a folder, where Python keeps what it compiles.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

PYTHON_VERSION = "3.13"
WHEELS = {"x86_64": "x86_64", "arm64": "aarch64"}
"""What wheels call the processors of functions."""
PACKAGES = ("contender", "lambdas")
# The command line never runs in a function: leaving it out keeps an edit of it from redeploying all of them.
# Hidden files are an editor's or a desktop's, and would be other bundles from machine to machine.
EXCLUDED = ("__pycache__", "*.pyc", ".*", "cli")

# What no function of ours loads of the wheels, and more than a third of them by size. ONNX Runtime's C library is not
# that of its Python module, which has its own copy inside.
UNUSED = (
    "onnxruntime/capi/libonnxruntime.so.*",
    *(f"onnxruntime/{part}" for part in ("backend", "datasets", "quantization", "tools", "transformers")),
    "numpy/f2py",
    "numpy/**/tests",
    "**/*.pyi",
    # Programs name the Python of the machine that builds, and records what they were then.
    "bin",
    "*.dist-info/RECORD",
)
COMPILED, NOT_COMPILED = "compiled", "not compiled"


class BundlingError(RuntimeError):
    """Raised when pip cannot collect the wheels of a bundle, or they cannot be compiled."""


def source_files(project_root: Path) -> Iterator[Path]:
    """Every file of ours that goes into a bundle, in a fixed order."""
    for package in PACKAGES:
        for path in sorted((project_root / package).rglob("*")):
            relative = path.relative_to(project_root)
            excluded = any(fnmatch(part, pattern) for part in relative.parts for pattern in EXCLUDED)
            if path.is_file() and not excluded:
                yield path


def platforms(architecture: str) -> tuple[str, ...]:
    """The tags of wheels that a function of this processor can load.

    Examples
    --------
    >>> platforms("arm64")
    ('manylinux_2_28_aarch64', 'manylinux2014_aarch64')
    """
    return tuple(f"{libc}_{WHEELS[architecture]}" for libc in ("manylinux_2_28", "manylinux2014"))


def content_hash(project_root: Path, requirements: Path | None, architecture: str = "x86_64") -> str:
    """Hash of all that decides what is in the bundle."""
    digest = hashlib.sha256()
    for path in source_files(project_root):
        digest.update(f"{path.relative_to(project_root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    if requirements is not None:
        how = COMPILED if find_interpreter() else NOT_COMPILED
        digest.update("\0".join((PYTHON_VERSION, *platforms(architecture), *UNUSED, how)).encode())
        digest.update(requirements.read_bytes())
    return digest.hexdigest()


def install_requirements(requirements: Path, target: Path, architecture: str = "x86_64") -> None:
    """Collect the wheels that a requirements file pins, for Lambda's platform and not for this machine's.

    Raises
    ------
    BundlingError
        When pip fails, with what pip said.
    """
    tags = [argument for platform in platforms(architecture) for argument in ("--platform", platform)]
    # The file pins all that is needed; what the runtime has (boto3) must not come as somebody's dependency.
    wheels_only = ["--python-version", PYTHON_VERSION, "--only-binary=:all:", "--no-deps", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += [*tags, *wheels_only, "--target", str(target), "--requirement", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or [result.stderr.strip()]
        raise BundlingError(
            f"pip could not install {requirements} for Python {PYTHON_VERSION} on {platforms(architecture)[0]} "
            f"(exit code {result.returncode}); correct the pins or the package index. "
            f"pip said: {' '.join(said)}"
        )


def find_interpreter() -> str | None:
    """A Python of the functions' version on this machine; None where there is none."""
    if "{}.{}".format(*sys.version_info) == PYTHON_VERSION:
        return sys.executable
    found = shutil.which(f"python{PYTHON_VERSION}")
    if found is None:
        return None
    said = subprocess.run(
        [found, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found if said.stdout.strip() == PYTHON_VERSION else None


def prune(target: Path) -> None:
    """Remove what no function of ours loads."""
    for pattern in UNUSED:
        for path in sorted(target.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def compile_bundle(target: Path, interpreter: str) -> None:
    """Put a compiled file beside every source file, trusted without a look at the source: a zip keeps no times.

    Raises
    ------
    BundlingError
        When a file cannot be compiled.
    """
    command = [interpreter, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Without the folder they were built in, so that the same sources are the same bytes on every machine.
    result = subprocess.run([*command, "-s", str(target), str(target)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BundlingError(f"the bundle could not be compiled with {interpreter}: {result.stdout.strip()[:500]}")


def write_bundle(project_root: Path, requirements: Path | None, target: Path, architecture: str = "x86_64") -> None:
    """Write a bundle's files into a folder: with wheels and compiled for Lambda, without for the local cloud."""
    for package in PACKAGES:
        ignore = shutil.ignore_patterns(*EXCLUDED)
        shutil.copytree(project_root / package, target / package, ignore=ignore, dirs_exist_ok=True)
    if requirements is None:
        return
    install_requirements(requirements, target, architecture)
    prune(target)
    interpreter = find_interpreter()
    if interpreter is None:
        sys.stderr.write(
            f"python{PYTHON_VERSION} is not on the PATH, so the functions are deployed uncompiled and start "
            "about 0.25 s slower; install it and deploy again\n"
        )
    else:
        compile_bundle(target, interpreter)

"""Bundles: named by their content, complete for their functions, and clear when pip fails."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest

from stacks.bundle import (
    PYTHON_VERSION,
    BundlingError,
    compile_bundle,
    content_hash,
    find_interpreter,
    install_requirements,
    prune,
    write_bundle,
)
from tests.cold_starts import handler, modules_after, packages
from tests.stacks.synthesis import PROJECT_ROOT

ZIP_FUNCTIONS = {
    "claim": "lambdas/requirements.txt",
    "promote": "lambdas/requirements.txt",
    "watch": "lambdas/requirements.txt",
    "roll_back": "lambdas/requirements.txt",
    "record": "lambdas/requirements.txt",
    "notify": "lambdas/requirements.txt",
    "authorize": "lambdas/requirements.txt",
    "serve": "lambdas/serve/requirements.txt",
    "predict_queued": "lambdas/serve/requirements.txt",
}
# What Lambda's Python runtime brings: boto3 and what it needs. botocore uses certifi only where it is there.
OF_THE_RUNTIME = {"boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
OUR_OWN = {"contender", "lambdas"}
MACHINES = {62: "x86-64", 183: "AArch64"}
"""`e_machine` in the header of an ELF file (System V ABI)."""
MAX_SERVING_BYTES = 150 * 1024 * 1024
"""Of the serving function, unzipped."""


@cache
def loaded() -> dict[str, set[str]]:
    """The packages that the functions of each requirements file load when they start, less Python's own. They start
    together: none of them may load what the others may not."""
    starts: dict[str, list[str]] = {}
    for name, requirements in ZIP_FUNCTIONS.items():
        starts.setdefault(requirements, []).append(handler(name))
    found = modules_after(
        list(starts.values()),
        [("aws_lambda_powertools", "boto3")] * len(starts),
        AWS_DEFAULT_REGION="aq-south-1",
        POWERTOOLS_TRACE_DISABLED="false",  # as on AWS
    )
    named = ({name for name in packages(each) if not name.startswith("_")} for each in found)
    return {name: each - set(sys.stdlib_module_names) for name, each in zip(starts, named, strict=True)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("contender/pipeline/config.py", "contender/cli/main.py", "lambdas/claim/handler.py"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one = 1\n", "utf-8")
    return tmp_path / "project"


def test_a_bundle_holds_our_packages_without_the_command_line_and_caches(project: Path, tmp_path: Path) -> None:
    cache = project / "contender/__pycache__/config.cpython-313.pyc"
    cache.parent.mkdir()
    cache.write_bytes(b"compiled")
    write_bundle(project, None, tmp_path / "bundle")
    written = {path.relative_to(tmp_path / "bundle") for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    assert {path.as_posix() for path in written} == {"contender/pipeline/config.py", "lambdas/claim/handler.py"}


def test_an_edit_of_what_goes_in_changes_the_hash_and_of_what_stays_out_does_not(project: Path) -> None:
    before = content_hash(project, None)
    (project / "contender/.DS_Store").write_bytes(b"of a desktop")
    (project / "contender/cli/main.py").write_text("two = 2\n", "utf-8")
    assert content_hash(project, None) == before
    (project / "contender/pipeline/config.py").write_text("two = 2\n", "utf-8")
    assert content_hash(project, None) != before


def test_other_pins_are_another_bundle(project: Path, tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("wrapt==2.5.2\n", "utf-8")
    before = content_hash(project, pins)
    pins.write_text("wrapt==2.5.1\n", "utf-8")
    assert content_hash(project, pins) != before


def test_another_processor_is_another_bundle(project: Path, tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("wrapt==2.5.2\n", "utf-8")
    assert content_hash(project, pins, "arm64") != content_hash(project, pins, "x86_64")


def test_a_pin_that_cannot_be_installed_is_refused_with_what_pip_said(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("./there-is-no-such-folder\n", "utf-8")
    with pytest.raises(
        BundlingError, match=r"could not install .*requirements\.txt for Python 3\.13.* pip said: ERROR"
    ):
        install_requirements(pins, tmp_path / "bundle")


def test_what_no_function_loads_is_left_out(tmp_path: Path) -> None:
    kept = ("onnxruntime/capi/onnxruntime_pybind11_state.so", "numpy/_core/numeric.py", "onnxruntime/__init__.py")
    unused = (
        "onnxruntime/capi/libonnxruntime.so.1.31.1",
        "onnxruntime/transformers/models/gpt.py",
        "numpy/_core/tests/test_numeric.py",
        "numpy/f2py/__init__.py",
        "numpy/__init__.pyi",
    )
    for name in (*kept, *unused):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(kept)


def test_a_compiled_file_is_trusted_without_a_look_at_its_source(project: Path) -> None:
    """A zip gives every file the same time, which is not the one that a compiled file would be compared with."""
    compile_bundle(project, sys.executable)
    (compiled,) = (project / "lambdas").rglob("*.pyc")
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01  # named by a hash, and not checked


def test_what_cannot_be_compiled_is_refused_with_the_place(project: Path) -> None:
    (project / "contender/pipeline/config.py").write_text("one = = 1\n", "utf-8")
    with pytest.raises(BundlingError, match=r"could not be compiled with [\s\S]*config\.py"):
        compile_bundle(project, sys.executable)


def test_a_python_of_another_version_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / f"python{PYTHON_VERSION}"
    python.write_text("#!/bin/sh\necho 3.0\n", "utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 0, 0))
    assert find_interpreter() is None


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86-64"), ("arm64", "AArch64")])
def test_the_serving_function_is_small_enough(tmp_path: Path, architecture: str, machine: str) -> None:
    write_bundle(PROJECT_ROOT, PROJECT_ROOT / "lambdas/serve/requirements.txt", tmp_path, architecture)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= MAX_SERVING_BYTES
    assert list(tmp_path.glob("onnxruntime/capi/onnxruntime_pybind11_state*.so"))
    headers = [head for path in tmp_path.rglob("*") if path.is_file() and (head := beginning(path))[:4] == b"\x7fELF"]
    assert len(headers) > 20
    assert {MACHINES[int.from_bytes(head[18:20], "little")] for head in headers} == {machine}
    assert not (tmp_path / "bin").exists()  # its programs would name this machine's Python
    if find_interpreter():
        assert list(tmp_path.glob("lambdas/serve/__pycache__/handler.*.pyc"))


@pytest.mark.parametrize("file", sorted(set(ZIP_FUNCTIONS.values())))
def test_zips_carry_the_versions_that_the_tests_run_with(file: str) -> None:
    locked = pins_of(PROJECT_ROOT / "requirements.txt")
    assert {name: locked.get(name) for name in pins_of(PROJECT_ROOT / file)} == pins_of(PROJECT_ROOT / file)


@pytest.mark.parametrize("file", sorted(set(ZIP_FUNCTIONS.values())))
def test_handlers_of_zip_functions_import_only_what_their_bundle_or_the_runtime_has(file: str) -> None:
    pinned = {name.replace("-", "_") for name in pins_of(PROJECT_ROOT / file)}
    assert loaded()[file] - OF_THE_RUNTIME - OUR_OWN <= pinned


def beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(20)


def pins_of(path: Path) -> dict[str, str]:
    """Names, in pip's normal form, and versions that a requirements file pins."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}

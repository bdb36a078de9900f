"""A version's files are the same bytes whatever the machine: every estimator and task, trained in processes whose
environments ask for other BLAS kernels, threads, instruction sets and orders of sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.storage import sha256
from contender.table import BLOCK, ORDER, Table
from contender.training.pinned_kernels import CPU_INFO, KERNELS, X86_64_V3, instructions, with_pinned_kernels
from training_image.evidence.files import evidence_files
from training_image.fit.fit import train
from training_image.manifest import build_manifest
from training_image.task.machine_kernels import machine_kernels
from training_image.train import files_of

ROOT = Path(__file__).resolve().parents[3]
DAYS, ROWS_A_DAY = 12, 40
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "hist_gradient_boosting": {"parameters": {"max_iter": 10}, "early_stopping_rounds": 5},
    "lightgbm": {"parameters": {"n_estimators": 10}, "early_stopping_rounds": 5},
    "random_forest": {"parameters": {"n_estimators": 10}, "class_weight": "balanced"},
    "linear": {"half_life_blocks": 5.0},
}
TASKS = ("binary", "multiclass", "regression")
MACHINES: Mapping[str, Mapping[str, str]] = {
    "no variable set": {},
    "Haswell, one thread": {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
    "Prescott, two threads": {
        "OPENBLAS_CORETYPE": "Prescott",
        "OMP_NUM_THREADS": "2",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
        "PYTHONHASHSEED": "1",
    },
}
BY_BLAS = "linear"
FULL_PRECISION_OF_PLATT = (" binary pipeline.skops", " binary manifest.json")
"""The graph has its two numbers in single precision."""

try:
    import lightgbm  # noqa: F401
except OSError:  # its system library (Debian: libgomp1)
    KNOWN = tuple(name for name in POLICIES if name != "lightgbm")
else:
    KNOWN = tuple(POLICIES)


class Trained(NamedTuple):
    """What a machine made of everything: the digests of all files, the kernels, whether Optuna was loaded for it."""

    digests: dict[str, str]
    kernels: dict[str, str]
    optuna: bool


def history(task: str) -> Table:
    """Twelve days of two numbers, one with gaps, and a category, and a target that depends on them."""
    random = np.random.default_rng(3)
    rows = DAYS * ROWS_A_DAY
    a, b = random.normal(size=rows), random.gamma(2.0, 100.0, rows)
    kind = random.choice(np.array(["u", "v", "w"], dtype=object), rows)
    signal = a + b / 200 + (kind == "u") + random.normal(size=rows) / 2
    a[random.random(rows) < 0.05] = np.nan
    target: Any = {
        "binary": np.where(signal > 1.3, "yes", "no").astype(object),
        "multiclass": np.array(["low", "mid", "top"], dtype=object)[np.digitize(signal, [0.8, 1.8])],
        "regression": 1000.0 + 50.0 * signal,
    }[task]
    day = np.array([f"day-{number // ROWS_A_DAY:02d}" for number in range(rows)], dtype=object)
    return Table({"a": a, "b": b, "kind": kind, "y": target, ORDER: np.arange(rows, dtype=np.float64), BLOCK: day})


def files(estimator: str, task: str) -> dict[str, bytes]:
    """A version's files and its manifest, but for what that says of the machine."""
    calibration = "none" if task == "regression" else "sigmoid"
    settings = {**POLICIES[estimator], "holdout_blocks": 3, "calibration": calibration}
    if task == "regression":
        settings.pop("class_weight", None)
    training = TrainingPolicy(estimator=estimator, **settings)
    config = PipelineConfig(
        name="trial", task=task, target="y", numeric=("a", "b"), categorical=("kind",), training=training
    )
    table = history(task)
    model = train(config, table, table[ORDER], table[BLOCK])
    manifest = build_manifest(
        config,
        model,
        run_id="run-1",
        datasets=["8f14e45fceea167a"],
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        code="c0de" * 16,
        image=None,
    )
    told = manifest | {"machine": {}}
    listed = files_of(model) | evidence_files(told, model.evidence, model.explanation)
    return listed | {"manifest.json": json.dumps(told, sort_keys=True).encode()}


def digests(estimators: Sequence[str] = KNOWN) -> dict[str, str]:
    """Of everything that this process makes, by estimator, task and file."""
    return {
        f"{estimator} {task} {name}": sha256(body)
        for estimator, task in product(estimators, TASKS)
        for name, body in files(estimator, task).items()
    }


def started(environment: Mapping[str, str], estimators: Sequence[str] = KNOWN) -> subprocess.Popen[str]:
    """A process that trains them and prints the digests, what it computed with, and whether Optuna was loaded."""
    said = f"here.digests({list(estimators)}), here.machine_kernels(), 'optuna' in sys.modules"
    # As in a training (`training_image.train`), skops is loaded first.
    code = f"import skops.io; import json, sys, {__name__} as here; print(json.dumps([{said}]))"
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**environment, **path}, stdout=subprocess.PIPE, text=True
    )


def answer(process: subprocess.Popen[str]) -> Trained:
    out, _ = process.communicate()
    assert process.returncode == 0
    return Trained(*json.loads(out))


@pytest.fixture(scope="module")
def trained() -> Iterator[dict[str, Trained]]:
    """By machine."""
    set_here = {"PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    clean = {name: value for name, value in os.environ.items() if name not in set_here}
    clean["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that wait would keep busy what the other processes need
    environments = {name: with_pinned_kernels({**clean, **variables}) for name, variables in MACHINES.items()}
    processes = {name: started(environment) for name, environment in environments.items()}
    another = with_pinned_kernels(clean) | {"OPENBLAS_CORETYPE": "Prescott"}
    processes["another kernel"] = started(another, [name for name in KNOWN if name != BY_BLAS])
    yield {name: answer(process) for name, process in processes.items()}
    for process in processes.values():
        process.kill()


@pytest.mark.parametrize("machine", list(MACHINES)[1:])
def test_every_estimator_and_task_gives_the_same_files_on_each_machine(trained: Any, machine: str) -> None:
    first, found = trained["no variable set"].digests, trained[machine].digests

    assert len(first) == len(KNOWN) * len(TASKS) * 10
    assert [name for name, digest in first.items() if found[name] != digest] == []


def test_the_kernels_are_the_projects_and_not_the_machines(trained: Any) -> None:
    ran = [trained[machine].kernels for machine in MACHINES]
    assert ran[0] == ran[1] == ran[2]
    if (instructions() or frozenset()) >= X86_64_V3:
        assert ran[0]["blas"] == KERNELS["x86_64"]["OPENBLAS_CORETYPE"]
        assert ran[0]["simd"] == "X86_V3"
        assert trained["another kernel"].kernels["blas"] != ran[0]["blas"]


def test_what_needs_no_blas_is_the_same_with_any_kernel(trained: Any) -> None:
    """A linear model and Platt's scaling are found with BLAS. All else is summed in one order."""
    first, found = trained["no variable set"].digests, trained["another kernel"].digests
    without = [
        name for name in first if not name.startswith(f"{BY_BLAS} ") and not name.endswith(FULL_PRECISION_OF_PLATT)
    ]

    assert len(without) == (len(KNOWN) - 1) * (len(TASKS) * 10 - 2)
    assert [name for name in without if found[name] != first[name]] == []


def test_optuna_is_loaded_only_to_search(trained: Any) -> None:
    assert not trained["no variable set"].optuna


def test_numpys_newer_instructions_are_all_named() -> None:
    """A numpy that learns a newer instruction set must not use it on some machines only."""
    from numpy.lib.introspect import opt_func_info

    listed = [found["available"] for of in opt_func_info().values() for found in of.values()]
    named = {name for available in listed for name in available.split() if not name.startswith("baseline")}
    if "X86_V3" in named:
        assert named - {"X86_V3"} <= set(KERNELS["x86_64"]["NPY_DISABLE_CPU_FEATURES"].split())


def test_a_processor_without_what_the_kernels_need_keeps_its_own_choice(tmp_path: Path) -> None:
    old = tmp_path / "cpuinfo"
    old.write_text("processor\t: 0\nflags\t\t: fpu sse2 ssse3\n\nprocessor\t: 1\nflags\t\t: fpu sse2 ssse3\n")
    known = instructions(old)
    assert known == {"fpu", "sse2", "ssse3"}
    assert "OPENBLAS_CORETYPE" not in with_pinned_kernels({}, architecture="x86_64", known=known)
    assert instructions(tmp_path / "missing") is None


def test_a_variable_that_would_choose_otherwise_is_taken_away() -> None:
    set_by_hand = {"NPY_ENABLE_CPU_FEATURES": "X86_V4", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2", "HOME": "/root"}
    found = with_pinned_kernels(set_by_hand, architecture="x86_64", known=X86_64_V3)
    assert set(found) == {"HOME", "OPENBLAS_NUM_THREADS", *KERNELS["x86_64"]}


@pytest.mark.skipif(not CPU_INFO.exists(), reason="only Linux lists them there")
def test_a_manifest_says_what_ran() -> None:
    assert set(machine_kernels()) == {"blas", "simd", "libc", "level"}

"""Pins the numeric kernels of a training, so that they do not depend on the machine.

OpenBLAS and numpy look at the processor when they are loaded and take the fastest code that it runs. Another kernel
adds in another order, and its sums differ in the last digit: the same rows would give a model of other bytes on the
next processor that Fargate hands out, or in a shell that sets OPENBLAS_CORETYPE. So whoever starts a training sets
these variables in the environment of its process, over what the machine has.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")

X86_64_V3 = frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "sse2"})
"""What the x86 kernels need of a processor, by Linux's names: Intel's servers since 2013, AMD's since 2017."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""How a sum is divided among threads shows in its last digits too."""

X86_64_V4 = X86_64_V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}

KERNELS: Mapping[str, Mapping[str, str]] = {
    "x86_64": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
    "aarch64": {"OPENBLAS_CORETYPE": "ARMV8"},
}
"""By architecture. Of numpy's code for x86, the newest that is left is that for AVX2. Another architecture chooses for
itself."""

REPLACED = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
            "GLIBC_TUNABLES")  # fmt: skip
"""Variables that choose kernels, threads, or the C library's code by the processor."""


def instructions(cpu_info: Path = CPU_INFO) -> frozenset[str] | None:
    """The instruction sets of the processor, as Linux names them; None where it does not say."""
    try:
        listed = [line.partition(":")[2] for line in cpu_info.read_text().splitlines() if line.startswith("flags")]
    except OSError:
        return None
    return frozenset(listed[0].split()) if listed else None


def with_pinned_kernels(
    variables: Mapping[str, str], *, architecture: str = "", known: frozenset[str] | None = None
) -> dict[str, str]:
    """The environment of a process that trains: the machine's, with the kernels that every training has.

    A processor that lacks what they need keeps its own choice; the manifest says what ran, and `contender reproduce`
    names it as the reason of a difference.

    Parameters
    ----------
    architecture, known : of the processor, and its instruction sets; asked of this machine where they are left out.

    Examples
    --------
    >>> known = X86_64_V3 | {"avx512f"}
    >>> found = with_pinned_kernels({"A": "b", "OPENBLAS_CORETYPE": "Zen"}, architecture="x86_64", known=known)
    >>> found["A"], found["OPENBLAS_CORETYPE"], found["OPENBLAS_NUM_THREADS"]
    ('b', 'Haswell', '1')
    >>> with_pinned_kernels({"OPENBLAS_CORETYPE": "Zen"}, architecture="x86_64", known=frozenset({"sse2"}))
    {'OPENBLAS_NUM_THREADS': '1'}
    """
    kept = {name: value for name, value in variables.items() if name not in REPLACED}
    architecture = architecture or platform.machine()
    known = instructions() if known is None else known
    runs = architecture != "x86_64" or known is None or known >= X86_64_V3
    return {**kept, **ONE_THREAD, **(KERNELS.get(architecture, {}) if runs else {})}


def processor_level(known: frozenset[str] | None) -> str:
    """What the processor's instruction sets are called together; empty where nobody says.

    Examples
    --------
    >>> [processor_level(known) for known in (X86_64_V4, X86_64_V3, frozenset({"sse2"}), None)]
    ['x86-64-v4', 'x86-64-v3', 'x86-64', '']
    """
    if known is None or "sse2" not in known:
        return ""
    return "x86-64-v4" if known >= X86_64_V4 else "x86-64-v3" if known >= X86_64_V3 else "x86-64"

"""The valid sizes of a Fargate task: memory by vCPU.

Source: "Fargate task CPU and memory" in the Amazon ECS developer guide (task definition parameters).
"""

from __future__ import annotations

_MEMORY_MIB = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

CPU_UNITS = tuple(_MEMORY_MIB)
"""1024 is one vCPU."""


def size_problem(cpu: int, memory_mib: int) -> str:
    """Why Fargate has no task of that size, and which are the nearest that it has; empty when it has.

    Parameters
    ----------
    cpu : one of `CPU_UNITS`.

    Examples
    --------
    >>> size_problem(1024, 4096)
    ''
    >>> size_problem(1024, 4000)
    'memory_mib must be 3072 or 4096 with cpu 1024, the nearest that Fargate has, but got 4000'
    >>> size_problem(256, 4096)
    'memory_mib must be at most 2048 with cpu 256, but got 4096; give it more cpu'
    """
    sizes = _MEMORY_MIB[cpu]
    if memory_mib in sizes:
        return ""
    if memory_mib > sizes[-1]:
        cure = "; give it more cpu" if cpu < CPU_UNITS[-1] else ""
        return f"memory_mib must be at most {sizes[-1]} with cpu {cpu}, but got {memory_mib}{cure}"
    if memory_mib < sizes[0]:
        cure = "; give it less cpu" if cpu > CPU_UNITS[0] else ""
        return f"memory_mib must be at least {sizes[0]} with cpu {cpu}, but got {memory_mib}{cure}"
    below = max(size for size in sizes if size < memory_mib)
    above = min(size for size in sizes if size > memory_mib)
    return f"memory_mib must be {below} or {above} with cpu {cpu}, the nearest that Fargate has, but got {memory_mib}"

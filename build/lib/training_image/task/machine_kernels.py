"""What a training's process computes with, for the manifest."""

from __future__ import annotations

import platform

from contender.training.pinned_kernels import instructions, processor_level


def machine_kernels() -> dict[str, str]:
    """What this process computes with: OpenBLAS's kernel, numpy's instruction set, the C library (its exp and log), and
    the processor's level, by which ONNX Runtime chooses: it cannot be told."""
    # Imported where they are used: who only starts a training needs none of them.
    from numpy.lib.introspect import opt_func_info  # noqa: PLC0415
    from threadpoolctl import get_cached_controller  # type: ignore[import-untyped]  # noqa: PLC0415

    loaded = [each for each in get_cached_controller().info() if each["user_api"] == "blas"]
    blas = {str(each.get("architecture", each["internal_api"])) for each in loaded}
    (simd,) = {found["current"] for found in opt_func_info(func_name="^exp$", signature="float64")["exp"].values()}
    return {
        "blas": ", ".join(sorted(blas)),
        "simd": str(simd),
        "libc": " ".join(platform.libc_ver()).strip(),
        "level": processor_level(instructions()),
    }

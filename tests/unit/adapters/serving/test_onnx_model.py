"""ONNX Runtime is loaded in one place, and silently."""

from __future__ import annotations

import os
import re
from pathlib import Path

import contender.adapters.serving.onnx_model

ROOT = Path(__file__).parents[4]
THE_ONE_PLACE = Path("contender/adapters/serving/onnx_model.py")


def test_the_library_is_told_to_report_nothing_before_it_is_loaded() -> None:
    source = (ROOT / THE_ONE_PLACE).read_text()
    assert source.index('os.environ["ORT_DISABLE_TELEMETRY"] = "1"') < source.index("\nimport onnxruntime")
    assert contender.adapters.serving.onnx_model.onnxruntime is not None
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_no_other_module_imports_it() -> None:
    importing = re.compile(r"^\s*(import|from) onnxruntime\b", re.MULTILINE)
    folders = ("contender", "lambdas", "training_image", "localcloud", "stacks", "demo_data", "benchmarks", "tests")
    found = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")
             if importing.search(path.read_text())]  # fmt: skip
    assert found == [THE_ONE_PLACE], (
        "import contender.adapters.serving.onnx_model instead: it keeps the library from reporting"
    )


def test_the_image_is_told_as_well() -> None:
    assert "ORT_DISABLE_TELEMETRY=1" in (ROOT / "training_image" / "Dockerfile").read_text()

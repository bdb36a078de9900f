"""What the tests of training share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def operators_listed_once() -> Any:
    """The converter lists ONNX's operators anew for each graph, which takes 8 ms: here once for all."""
    from skl2onnx.common._container import ModelComponentContainer

    listed: list[Any] = []
    build = ModelComponentContainer._build_op_version

    def share(container: Any) -> None:
        if not listed:
            build(container)
            listed.append(container._op_versions)
        container._op_versions = listed[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ModelComponentContainer, "_build_op_version", share)
        yield

"""The models that the drill makes champion: what they answer, and that they are found when they are asked only."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from contender.adapters.serving.onnx_model import open_session, score
from contender.cli.drill.faults import models

ROWS = np.array([[1.0, 2.0], [3.0, 1.0]], dtype=np.float32)


@pytest.fixture(scope="module")
def champion() -> bytes:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["rows"], ["answers"], axis=1)],
        "champion",
        [value("rows", TensorProto.FLOAT, [None, 2])],
        [value("answers", TensorProto.FLOAT, [None, 2])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


@pytest.mark.parametrize("times", [1, 2])
def test_the_failing_one_loads_and_fails_at_every_row(champion: bytes, times: int) -> None:
    """Also where the champion that it is made of was changed before."""
    for _ in range(times - 1):
        champion = models.changed(champion, models.unchanged)
    session = open_session(models.changed(champion, models.failing))
    with pytest.raises(Exception, match="out of data bounds"):
        score(session, ROWS)


@pytest.mark.parametrize("change", [models.unchanged, models.slow(3)])
def test_those_that_only_take_longer_answer_as_the_champion_does(champion: bytes, change: models.Change) -> None:
    expected = score(open_session(champion), ROWS)
    assert score(open_session(models.changed(champion, change)), ROWS) == pytest.approx(expected)


def test_the_certain_one_says_the_same_of_every_row(champion: bytes) -> None:
    found = score(open_session(models.changed(champion, models.certain([0.125, 0.875]))), ROWS)
    assert found.tolist() == [[0.125, 0.875]] * 2

"""What an attempt leaves for the next: taken over only if it is whole and the same training, never in the way."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.workflow.run_folder import CHECKPOINT, RunFolder
from tests.fakes import Fault, MemoryObjects
from training_image.task.checkpoint import NO_CHECKPOINT, RunCheckpoint

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


class Runs:
    """One run's folder, seen by one attempt after another."""

    def __init__(self) -> None:
        self.objects = MemoryObjects()
        self.folder = RunFolder(self.objects, "trial", "run-1")
        self.lines: list[str] = []

    def attempt(self, belongs_to: str = "code data") -> RunCheckpoint:
        return RunCheckpoint(self.folder, belongs_to, self.lines.append)

    def spoil(self, body: bytes) -> None:
        self.objects.put(self.folder.key(CHECKPOINT), body)

    def kept(self) -> dict[str, Any]:
        return self.folder.read(CHECKPOINT)


@pytest.fixture
def runs() -> Runs:
    return Runs()


@given(content=st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_the_next_attempt_finds_what_was_saved_last(content: dict[str, Any]) -> None:
    runs = Runs()
    runs.attempt().save({"earlier": 1})
    runs.attempt().save(content)
    attempt = runs.attempt()

    assert attempt.load() == content
    assert attempt.resumed
    assert runs.lines == []


def test_the_first_attempt_finds_nothing_and_does_not_speak_of_it(runs: Runs) -> None:
    attempt = runs.attempt()

    assert attempt.load() is None
    assert not attempt.resumed
    assert runs.lines == []


def test_a_checkpoint_of_another_training_is_ignored(runs: Runs) -> None:
    runs.attempt("code data").save({"trials": 3})

    assert runs.attempt("code other-data").load() is None
    assert runs.lines == ["the checkpoint belongs to another training (code, settings or data differ) and is ignored"]


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b'{"format": 1', b'{"format": 1, "belongs_to": null}']
)
def test_a_checkpoint_that_cannot_be_read_does_not_stop_the_training(runs: Runs, body: bytes) -> None:
    runs.spoil(body)
    attempt = runs.attempt()

    assert attempt.load() is None
    assert not attempt.resumed
    assert len(runs.lines) == 1
    assert runs.lines[0].startswith("the checkpoint ")
    assert "ignored" in runs.lines[0]


def test_a_checkpoint_whose_content_was_changed_is_ignored(runs: Runs) -> None:
    runs.attempt().save({"score": 0.5})
    runs.spoil(json.dumps({**runs.kept(), "content": {"score": 0.9}}).encode())

    assert runs.attempt().load() is None
    assert runs.lines == ["the checkpoint is damaged and is ignored"]


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.LOST_AND_GONE])
def test_a_checkpoint_that_cannot_be_kept_does_not_stop_the_training(runs: Runs, fault: Fault) -> None:
    runs.objects.faults = deque([fault])
    runs.attempt().save({"trials": 3})

    assert runs.lines[0].startswith("the checkpoint cannot be written (")
    assert runs.attempt().load() is None


def test_a_bucket_that_does_not_answer_does_not_stop_the_training(runs: Runs) -> None:
    class Away(MemoryObjects):
        def get(self, key: str, *, version_id: str | None = None) -> Any:
            raise TimeoutError("no answer")

    runs.folder = RunFolder(Away(), "trial", "run-1")

    assert runs.attempt().load() is None
    assert runs.lines == ["the checkpoint cannot be read and is ignored (TimeoutError: no answer)"]


def test_keeping_nothing_is_a_checkpoint_too() -> None:
    NO_CHECKPOINT.save({"trials": 3})

    assert NO_CHECKPOINT.load() is None

"""Whether a version was made again: what counts as the same, and what is told where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.training.reproduction import Difference, Reproduction, compare, in_words

MANIFEST: dict[str, Any] = {
    "version": "v1",
    "code": {"sha": "c0de", "image": None},
    "packages": {"numpy": "2.0", "scipy": "1.9"},
    "machine": {"architecture": "x86_64", "cpus": 2},
    "trained_rows": 100,
    "metrics": {"auc": 0.9},
    "metrics_training": {"auc": 0.95},
}
FILES = {"model.onnx": b"graph", "explanation.json": b'{"permutation": [1], "against": {"version": "v0"}}'}


def compared(files: dict[str, bytes] | None = None, **changed: Any) -> Reproduction:
    return compare(MANIFEST, FILES, {**MANIFEST, **changed}, FILES if files is None else files)


def test_the_same_bytes_are_the_same_version() -> None:
    found = compared()
    assert found.same
    assert found.circumstances == found.figures == ()


def test_the_model_and_its_date_are_two_things() -> None:
    dated = FILES | {"evidence.json": b"12 seconds", "card.html": b"today"}
    assert compare(MANIFEST, dated, MANIFEST, FILES).same


def test_an_explanation_beside_another_champion_is_the_same_explanation() -> None:
    assert compared(FILES | {"explanation.json": json.dumps({"permutation": [1], "against": None}).encode()}).same
    assert not compared(FILES | {"explanation.json": b'{"permutation": [2]}'}).same


def test_a_file_that_is_not_made_any_more_is_not_the_same() -> None:
    found = compared({"explanation.json": FILES["explanation.json"]})
    assert [(one.name, one.same, one.now) for one in found.files if one.name == "model.onnx"] == [
        ("model.onnx", False, "")
    ]


@pytest.mark.parametrize(
    ("changed", "told", "said"),
    [
        (
            {"code": {"sha": "beef" * 16, "image": None}},
            Difference("code.sha", "c0de", "beef" * 16),
            "the training code was c0de and is beefbeefbeef here",
        ),
        (
            {"code": {"sha": "c0de", "image": "sha256:1"}},
            Difference("code.image", None, "sha256:1"),
            "the container image was none and is sha256:1 here",
        ),
        (
            {"packages": {"numpy": "2.1", "scipy": "1.9"}},
            Difference("packages.numpy", "2.0", "2.1"),
            "numpy was 2.0 and is 2.1 here",
        ),
        (
            {"packages": {"numpy": "2.0"}},
            Difference("packages.scipy", "1.9", None),
            "scipy was 1.9 and is none here",
        ),
        (
            {"machine": {"architecture": "aarch64", "cpus": 2}},
            Difference("machine.architecture", "x86_64", "aarch64"),
            "the architecture was x86_64 and is aarch64 here",
        ),
    ],
)
def test_what_may_have_made_a_difference_is_told(changed: dict[str, Any], told: Difference, said: str) -> None:
    other = {"metrics": {"auc": 0.8}}
    found = compared(FILES | {"model.onnx": b"other"}, **changed, **other)
    assert (found.same, found.circumstances) == (False, (told,))
    assert in_words(found) == f"v1 was not reproduced: model.onnx differs. Possible causes: {said}."


def test_a_version_from_a_container_with_another_python_and_packages_says_all_that_is_otherwise_here() -> None:
    elsewhere = {
        "code": {"sha": "c0de", "image": "sha256:" + "ab" * 32},
        "packages": {"numpy": "2.1", "scipy": "1.9"},
        "machine": {"architecture": "x86_64", "cpus": 1, "python": "3.13.1"},
    }
    here = {**MANIFEST, "machine": {**MANIFEST["machine"], "python": "3.11.7"}}
    found = compare({**MANIFEST, **elsewhere}, FILES, here, FILES | {"model.onnx": b"other"})
    assert in_words(found) == (
        "v1 was not reproduced: model.onnx differs. Its metrics are identical to the last digit. Possible causes: the "
        "container image was sha256:abababababab and is none here; numpy was 2.1 and is 2.0 here; the number of "
        "processors was 1 and is 2 here; Python was 3.13.1 and is 3.11.7 here."
    )


def test_the_same_bytes_under_other_circumstances_say_that_these_do_not_matter() -> None:
    said = in_words(compared(packages={"numpy": "2.1", "scipy": "1.9"}))
    assert said == (
        "v1 was reproduced: all of its files are identical, byte for byte. Differences without effect: numpy was 2.0 "
        "and is 2.1 here."
    )


def test_a_model_that_is_the_same_beside_another_file_is_said_to_be() -> None:
    found = compared(FILES | {"explanation.json": b'{"permutation": [2]}'})
    assert in_words(found).startswith(
        "v1 was not reproduced: explanation.json differs. model.onnx, the served model, is identical."
    )


def test_figures_that_differ_are_told_with_both_values() -> None:
    found = compared(FILES | {"model.onnx": b"other"}, trained_rows=99, metrics={"auc": 0.8})
    assert found.figures == (Difference("trained_rows", 100, 99), Difference("metrics.auc", 0.9, 0.8))
    assert in_words(found).endswith("so the training is not deterministic.")


def test_a_version_from_before_its_machine_was_kept_knows_no_difference() -> None:
    older = {key: value for key, value in MANIFEST.items() if key != "machine"}
    assert compare(older, FILES, MANIFEST, FILES).circumstances == ()

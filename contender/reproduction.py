"""Whether a training from a version's manifest gives the version again, and what may have made a difference.

A model is the same when its files are, byte for byte. Where they are not, the manifests say what was not the same
either: the code, a package, the machine; and by how much the figures differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.registry import CARD, EVIDENCE, EXPLANATION, sha256

ABOUT_THE_TRAINING = (EVIDENCE, CARD)
"""Files that say when a training was and how long it took: no two of them are the same."""

OF_ITS_TIME = {EXPLANATION: ("against",)}
"""Parts of a file that depend on what was there at the time of the training: the champion to compare with."""


@dataclass(frozen=True)
class FileSeen:
    """One of a version's files: the digests of what it was, and of what came of the training now."""

    name: str
    same: bool
    recorded: str
    now: str


@dataclass(frozen=True)
class Difference:
    """Something that was not the same at the two trainings, and its two values."""

    what: str
    recorded: Any
    now: Any


@dataclass(frozen=True)
class Reproduction:
    """What came of training a version again.

    Attributes
    ----------
    same : whether every file is.
    circumstances : what may have made a difference: code, packages, machine, data.
    figures : metrics whose values differ.
    """

    version: str
    same: bool
    files: tuple[FileSeen, ...]
    circumstances: tuple[Difference, ...]
    figures: tuple[Difference, ...]


def compare(
    recorded: Mapping[str, Any], recorded_files: Mapping[str, bytes], now: Mapping[str, Any], files: Mapping[str, bytes]
) -> Reproduction:
    """Compare a version with a training from its manifest.

    Parameters
    ----------
    recorded, recorded_files : the version's manifest, and its files.
    now, files : the manifest and the files that the training gave.

    Examples
    --------
    >>> manifest = {"version": "v1", "packages": {"numpy": "2.0"}, "metrics": {"auc": 0.9}}
    >>> newer = {**manifest, "packages": {"numpy": "2.1"}}
    >>> found = compare(manifest, {"model.onnx": b"old"}, newer, {"model.onnx": b"new"})
    >>> found.same, found.circumstances
    (False, (Difference(what='packages.numpy', recorded='2.0', now='2.1'),))
    """
    names = [name for name in recorded_files if name not in ABOUT_THE_TRAINING]
    seen = tuple(_seen(name, recorded_files[name], files.get(name)) for name in sorted(names))
    circumstances = [
        *_differences("code", recorded.get("code"), now.get("code")),
        *_differences("packages", recorded.get("packages"), now.get("packages")),
        *_differences("machine", recorded.get("machine"), now.get("machine")),
    ]
    figures = [
        *_differences("trained_rows", {"": recorded.get("trained_rows")}, {"": now.get("trained_rows")}),
        *_differences("metrics", recorded.get("metrics"), now.get("metrics")),
        *_differences("metrics_training", recorded.get("metrics_training"), now.get("metrics_training")),
    ]
    same = all(one.same for one in seen)
    return Reproduction(str(recorded["version"]), same, seen, tuple(circumstances), tuple(figures))


def _seen(name: str, recorded: bytes, now: bytes | None) -> FileSeen:
    if now is None:
        return FileSeen(name, False, sha256(recorded), "")
    before, after = (_timeless(name, body) for body in (recorded, now))
    return FileSeen(name, before == after, sha256(recorded), sha256(now))


def _timeless(name: str, body: bytes) -> Any:
    """A file without what depends on the time of its training."""
    if name not in OF_ITS_TIME:
        return body
    return {key: value for key, value in json.loads(body).items() if key not in OF_ITS_TIME[name]}


def _differences(what: str, recorded: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[Difference]:
    """The entries of a section of two manifests that are not the same; of one that a manifest lacks, none is known."""
    if recorded is None or now is None:
        return []
    return [
        Difference(f"{what}.{name}".rstrip("."), recorded.get(name), now.get(name))
        for name in sorted({*recorded, *now})
        if recorded.get(name) != now.get(name)
    ]


def in_words(found: Reproduction) -> str:
    """What came of it, in a sentence or two.

    Examples
    --------
    >>> in_words(Reproduction("v1", True, (FileSeen("model.onnx", True, "a", "a"),), (), ()))
    'v1 was made again: all of its files are the same bytes.'
    """
    if found.same:
        return f"{found.version} was made again: all of its files are the same bytes."
    others = [one.name for one in found.files if not one.same]
    said = (
        f"{found.version} was not made again: {', '.join(others)} {'is' if len(others) == 1 else 'are'} not the same."
    )
    if not found.circumstances:
        return f"{said} Code, packages and machine are the same as then, so something in training is left to chance."
    return f"{said} Not the same as then: {', '.join(one.what for one in found.circumstances)}."

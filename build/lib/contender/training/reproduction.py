"""Compares a reproduced model version with the original, and lists what may explain a difference.

A model is the same when its files are, byte for byte. Where they are not, the manifests say what was not the same
either: the code, a package, the machine; and by how much the figures differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.registry.versions import CARD, EVIDENCE, EXPLANATION, MODEL
from contender.storage import sha256

ABOUT_THE_TRAINING = (EVIDENCE, CARD)
"""Files that say when a training was and how long it took: no two of them are the same."""

OF_ITS_TIME = {EXPLANATION: ("against",)}
"""Parts of a file that depend on what was there at the time of the training: the champion to compare with."""

NAMES = {
    "code.sha": "the training code",
    "code.image": "the container image",
    "machine.python": "Python",
    "machine.architecture": "the architecture",
    "machine.cpus": "the number of processors",
    "machine.blas": "the BLAS kernel",
    "machine.simd": "numpy's instruction set",
    "machine.libc": "the C library",
    "machine.level": "the processor's level",
    "trained_rows": "the number of training rows",
}
"""What people call otherwise than the manifest does; packages and metrics have their own names."""

DIGEST = re.compile(r"[0-9a-f]{40,}")


@dataclass(frozen=True)
class FileSeen:
    """One of a version's files: the digests of what it was, and of what came of the training now."""

    name: str
    same: bool
    recorded: str
    now: str


@dataclass(frozen=True)
class Difference:
    """Something that was not the same at the two trainings, and its two values; None where there was none.

    Examples
    --------
    >>> Difference("packages.numpy", "2.0", "2.1").in_words
    'numpy was 2.0 and is 2.1 here'
    >>> Difference("code.image", "sha256:0123", None).in_words
    'the container image was sha256:0123 and is none here'
    """

    what: str
    recorded: Any
    now: Any

    @property
    def name(self) -> str:
        """As people call it."""
        section, _dot, name = self.what.partition(".")
        on_training = " on the training rows" if section == "metrics_training" else ""
        return NAMES.get(self.what, name + on_training)

    @property
    def in_words(self) -> str:
        """The difference as part of a sentence."""
        return f"{self.name} was {_short(self.recorded)} and is {_short(self.now)} here"


@dataclass(frozen=True)
class Reproduction:
    """The result of training a version again.

    Attributes
    ----------
    same : whether every file is.
    circumstances : what may have made a difference: code, container image, packages, machine.
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
    """The result in sentences: identical or not, the consequence, and possible causes.

    Examples
    --------
    >>> in_words(Reproduction("v1", True, (FileSeen("model.onnx", True, "a", "a"),), (), ()))
    'v1 was reproduced: all of its files are identical, byte for byte.'
    """
    told = "; ".join(one.in_words for one in found.circumstances)
    if found.same:
        said = f"{found.version} was reproduced: all of its files are identical, byte for byte."
        return f"{said} Differences without effect: {told}." if told else said
    others = [one.name for one in found.files if not one.same]
    parts = [f"{found.version} was not reproduced: {', '.join(others)} {'differs' if len(others) == 1 else 'differ'}."]
    if MODEL not in others:
        parts.append(f"{MODEL}, the served model, is identical.")
    elif not found.figures:
        parts.append("Its metrics are identical to the last digit.")
    if told:
        parts.append(f"Possible causes: {told}.")
    else:
        parts.append("Code, packages and machine are the same, so the training is not deterministic.")
    return " ".join(parts)


def _short(value: Any) -> str:
    """A value as it fits into a line; a digest by its beginning, as it is enough to tell two apart."""
    if value is None:
        return "none"
    return DIGEST.sub(lambda digest: digest[0][:12], str(value))

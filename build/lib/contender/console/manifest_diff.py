"""What differs between the manifests of two model versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GONE = "–"
"""Of a value that a version does not have."""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "Rows": ("trained_rows", "trained_through", "holdout.rows", "window.policy"),
    "Estimator": ("estimator",),
    "Settings": ("settings",),
    "Code and packages": ("code", "packages", "machine"),
}
"""The parts of a comparison beside metrics, datasets and features: their fields in the manifest."""


@dataclass(frozen=True)
class Difference:
    """A field with another value.

    Attributes
    ----------
    change : the new number less the old one; None where they are no numbers.
    """

    field: str
    old: str
    new: str
    change: float | None = None


@dataclass(frozen=True)
class Changes:
    """What differs between two versions, part by part, and how many of the compared fields are the same."""

    parts: Mapping[str, tuple[Difference, ...]]
    same: int


def compare_manifests(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    """Compare two manifests: metrics in full, of the rest what differs.

    Examples
    --------
    >>> found = compare_manifests({"metrics": {"auc": 0.8}}, {"metrics": {"auc": 0.85}})
    >>> [(one.field, round(one.change, 4)) for one in found.parts["Metrics on the holdout"]]
    [('auc', 0.05)]
    """
    metrics = _differences(_flat(old.get("metrics") or {}), _flat(new.get("metrics") or {}), keep_same=True)
    parts: dict[str, tuple[Difference, ...]] = {"Metrics on the holdout": metrics}
    same = 0
    parts["Datasets"] = _sets(old.get("datasets") or (), new.get("datasets") or ())
    parts["Features"] = _differences(_features(old), _features(new))
    for title, names in _PARTS.items():
        before, after = (dict(_fields(manifest, names)) for manifest in (old, new))
        parts[title] = _differences(before, after)
        same += len(before.keys() | after.keys()) - len(parts[title])
    return Changes({title: found for title, found in parts.items() if found}, same)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], *, keep_same: bool = False) -> tuple[Difference, ...]:
    names = dict.fromkeys((*old, *new))
    return tuple(
        Difference(name, _said(old.get(name)), _said(new.get(name)), _change(old.get(name), new.get(name)))
        for name in names
        if keep_same or old.get(name) != new.get(name)
    )


def _sets(old: Sequence[str], new: Sequence[str]) -> tuple[Difference, ...]:
    """Dataset versions that only one of the two learned from."""
    lost = tuple(Difference(name, "learned from", GONE) for name in old if name not in set(new))
    return lost + tuple(Difference(name, GONE, "learned from") for name in new if name not in set(old))


def _features(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Each feature with its kind and how many levels it has."""
    found = {}
    for feature in manifest.get("features") or ():
        levels = feature.get("levels") or ()
        found[str(feature.get("name"))] = f"{feature.get('kind', '')}" + (f", {len(levels)} levels" if levels else "")
    return found


def _fields(manifest: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        value: Any = manifest
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", found) for inner, found in _flat(value).items())
        elif value is not None:
            yield name, value


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested fields by their path."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def _said(value: Any) -> str:
    if value is None:
        return GONE
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _change(old: Any, new: Any) -> float | None:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
    return float(new) - float(old) if numbers else None

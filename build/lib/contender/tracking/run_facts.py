"""What a tracker gets of a run: parameters, metrics, tags and datasets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contender.registry.versions import as_judged

Status = Literal["running", "finished", "failed"]
Content = Mapping[str, Any]

SETTINGS_LEFT_OUT = ("features", "numeric", "categorical")
"""Lists of columns: as parameters they would be walls of text; the manifest has them."""

COMPARED = ("difference", "low", "high", "champion", "challenger", "baseline", "rows", "blocks")


@dataclass(frozen=True)
class Point:
    """One figure: a name whose part before the slash is its group, and a step where it is one of a series."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunFiles:
    """What is known of a run.

    Attributes
    ----------
    record : how it ended; None as long as it has not.
    reports : by the name of their step, as `contender.workflow.run_folder.RunFolder.reports` reads them.
    manifest, evidence : of the model version that it trained or took again; None where there is none, or it is older
        than evidence is.
    """

    run_id: str
    record: Content | None = None
    reports: Content | None = None
    manifest: Content | None = None
    evidence: Content | None = None

    @property
    def training(self) -> Content:
        """The content of the run's `training.json`; empty when it did not train."""
        found: Content = (self.reports or {}).get("training", {})
        return found

    @property
    def status(self) -> Status:
        """Whether training came to an end, and to which."""
        if self.training.get("status") == "failed" or (self.record or {}).get("verdict") == "failed":
            return "failed"
        return "running" if self.record is None else "finished"

    @property
    def name(self) -> str:
        """What people see in a list, where there is not much room: how it ended, then the version that came of it, or
        else the beginning of its id.

        Examples
        --------
        >>> RunFiles("8b2e41c7-53b1", {"verdict": "failed"}).name
        'failed 8b2e41c7'
        """
        what = str(self.manifest["version"]) if self.manifest else self.run_id[:8]
        verdict = str((self.record or {}).get("verdict", "")).replace("_", " ")
        return " ".join(filter(None, (verdict, what, "again" if self.training.get("reused") else "")))


def parameters(files: RunFiles) -> dict[str, str]:
    """What the run was told, by dotted names.

    Examples
    --------
    >>> manifest = {"settings": {"target": "late", "training": {"seed": 7}},
    ...             "estimator": {"name": "linear", "parameters": {"C": 1.0}}}
    >>> parameters(RunFiles("r1", manifest=manifest))
    {'target': 'late', 'training.seed': '7', 'estimator': 'linear', 'estimator.C': '1.0'}
    """
    manifest = files.manifest or {}
    settings = {name: value for name, value in manifest.get("settings", {}).items() if name not in SETTINGS_LEFT_OUT}
    told = dict(_flat(settings))
    estimator = manifest.get("estimator")
    if estimator:
        told["estimator"] = str(estimator["name"])
        told |= dict(_flat(estimator["parameters"], "estimator."))
    for name in ("features", "datasets"):
        if manifest.get(name):
            told[name] = str(len(manifest[name]))
    return told


def points(files: RunFiles) -> list[Point]:
    """All figures of a run; what is not a finite number is left out.

    Examples
    --------
    >>> overfit = {"auc": {"training": [0.95, 0.94, 0.96], "validation": None, "holdout": [0.9, 0.8, 1.0]}}
    >>> [(point.name, point.value) for point in points(RunFiles("r1", manifest={"overfit": overfit}))][:2]
    [('training/auc', 0.95), ('training/auc_low', 0.94)]
    """
    found = [
        *_fit(files.manifest or {}),
        *_comparison((files.reports or {}).get("comparison", {})),
        *_resources(files),
        *_series(files.evidence or {}),
    ]
    return [point for point in found if _is_number(point.value)]


def tags(files: RunFiles) -> dict[str, str]:
    """What runs are searched and filtered by; those that are not known are absent."""
    record, manifest, training = files.record or {}, files.manifest or {}, files.training
    search = manifest.get("search") or {}
    known = {
        "verdict": record.get("verdict"),
        "trigger": record.get("trigger"),
        "reason": record.get("reason") or training.get("reason"),
        "version": manifest.get("version") or training.get("model_version"),
        "champion_before": record.get("champion_before"),
        "champion_after": record.get("champion_after"),
        "dataset_versions": ", ".join(manifest.get("datasets") or record.get("dataset_versions") or ()),
        "drifted_features": ", ".join(record.get("drifted_features") or ()),
        "code_sha": manifest.get("code", {}).get("sha"),
        "image": manifest.get("code", {}).get("image"),
        "fingerprint": manifest.get("fingerprint"),
        "reused": "yes" if training.get("reused") else None,
        "search_stopped_by": search.get("stopped_by"),
    }
    return {name: str(value) for name, value in known.items() if value}


def _flat(content: Content, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _fit(manifest: Content) -> Iterator[Point]:
    overfit = manifest.get("overfit")
    if overfit:
        for metric, parts in overfit.items():
            for part, interval in parts.items():
                yield from _interval(f"{part}/{metric}", interval)
    else:  # a version from before intervals were kept
        for part, key in (("holdout", "metrics"), ("training", "metrics_training")):
            yield from (Point(f"{part}/{metric}", value) for metric, value in manifest.get(key, {}).items())
    rows = manifest.get("split") or {"training_rows": as_judged(manifest).get("trained_rows")}
    rows = {**rows, "holdout_rows": manifest.get("holdout", {}).get("rows")}
    if manifest.get("judged"):
        rows["refit_rows"] = manifest["trained_rows"]
    yield from (Point(f"rows/{name.removesuffix('_rows')}", count) for name, count in rows.items())
    for candidate in (manifest.get("choice") or {}).get("candidates", ()):
        balanced = "" if candidate["class_weight"] == "none" else f"_{candidate['class_weight']}"
        yield Point(f"candidates/{candidate['estimator']}{balanced}", candidate["score"])
    calibration = manifest.get("calibration") or {}
    for name in ("log_loss_before", "log_loss_after"):
        yield Point(f"calibration/{name}", calibration.get(name, math.nan))


def _interval(name: str, interval: Sequence[float] | None) -> Iterator[Point]:
    for suffix, value in zip(("", "_low", "_high"), interval or (), strict=False):
        yield Point(name + suffix, value)


def _comparison(found: Content) -> Iterator[Point]:
    yield from (Point(f"comparison/{name}", found.get(name, math.nan)) for name in COMPARED)


def _resources(files: RunFiles) -> Iterator[Point]:
    used = files.training.get("resources") or (files.manifest or {}).get("resources") or {}
    for name, value in used.get("seconds", {}).items():
        yield Point(f"resources/seconds_{name}", value)
    for name in ("peak_memory_mib", "usd"):
        yield Point(f"resources/{name}", used.get(name, math.nan))
    yield Point("resources/run_seconds", (files.record or {}).get("seconds", math.nan))


def _series(evidence: Content) -> Iterator[Point]:
    """Curves over steps: rows for the learning curve, rounds of growing trees, trials of the search."""
    for size in evidence.get("learning_curve") or ():
        for part in ("training", "validation"):
            yield Point(f"learning_curve/{part}", size[part], int(size["rows"]))
    for number, found in enumerate(evidence.get("rounds") or ()):
        for part in ("training", "validation"):
            yield Point(f"rounds/{part}", found[part], int(found.get("round", number)))
    for trial in evidence.get("search") or ():
        yield Point("search/score", trial["score"], int(trial["number"]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

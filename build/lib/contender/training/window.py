"""The training window: which dataset versions a model is trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from contender.data.datasets import DatasetManifest
from contender.errors import NotFoundError
from contender.pipeline.training_policy import TrainingPolicy
from contender.registry.versions import ModelRegistry
from contender.workflow.run_folder import DRIFT, RunFolder

Version = TypeVar("Version")


def training_window(
    versions: Sequence[Version],
    policy: TrainingPolicy,
    since_order: float | None,
    *,
    order_to: Callable[[Version], float],
) -> Sequence[Version]:
    """The dataset versions to train on, of all in the order of their arrival.

    With `window = "since_drift"` they are those with rows from `since_order` on, and at least the newest
    `window_batches` (one at least); all, where there was no drift yet.

    Parameters
    ----------
    since_order : where the last drift began, by the order of its rows; None where there was none.
    order_to : the largest order among a version's rows.

    Examples
    --------
    >>> policy = TrainingPolicy(window="since_drift", window_batches=2)
    >>> [list(training_window([1.0, 2.0, 3.0], policy, since, order_to=float)) for since in (None, 1.5, 3.0)]
    [[1.0, 2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]
    """
    if policy.window == "newest":
        return versions[-policy.window_batches :]  # the last 0 are all of them
    if since_order is None:
        return versions
    at_least = len(versions) - max(policy.window_batches, 1)
    return [version for place, version in enumerate(versions) if place >= at_least or order_to(version) >= since_order]


def without(manifests: Sequence[DatasetManifest], out: Collection[str]) -> Sequence[DatasetManifest]:
    """The dataset versions that are not among those that are out."""
    return [found for found in manifests if found.version not in out]


def datasets_to_train_on(
    manifests: Sequence[DatasetManifest], policy: TrainingPolicy, since_order: float | None
) -> Sequence[DatasetManifest]:
    """The dataset versions that a training takes, of all in the order of their arrival; see `training_window`."""
    return training_window(manifests, policy, since_order, order_to=lambda found: found.order_to)


def drift_began(drift: Mapping[str, Any] | None, model: Mapping[str, Any] | None) -> float | None:
    """Where the last drift began, by the order of its rows; None where none is known.

    Parameters
    ----------
    drift : this run's drift report as DetectDrift writes it, None where there is none. A drift that it found is the
        last one.
    model : the manifest of the newest model version: it remembers the last one before.

    Examples
    --------
    >>> drift_began({"drifted": False, "since_order": None}, {"window": {"since_order": 12.0}})
    12.0
    """
    if drift is not None and drift.get("since_order") is not None:
        return float(drift["since_order"])
    remembered = ((model or {}).get("window") or {}).get("since_order")
    return None if remembered is None else float(remembered)


def last_drift(folder: RunFolder, models: ModelRegistry) -> float | None:
    """Where the last drift began, by the order of its rows: this run's, or the one that the newest model version
    remembers; None where there was none."""
    try:
        report = folder.read(DRIFT)
    except NotFoundError:
        report = None
    versions = models.versions()
    return drift_began(report, models.read(versions[-1]).manifest if versions else None)

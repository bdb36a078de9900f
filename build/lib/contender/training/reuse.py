"""Reuse: the same code, settings and data are not trained again, nor judged again on the same rows.

A second judgement would give the same verdict and use another share of the false promotion rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.config import PipelineConfig
from contender.registry.pointer import Pointer
from contender.registry.versions import ModelRegistry, ModelVersion
from contender.training.fingerprint import version_suffix

SETTLED = {
    "loses": "it lost",
    "inconclusive": "inconclusive",
    "rejected": "a person rejected it",
}
"""Verdicts that stand until something changes. One that won, or that serving could not answer with, may come again: why
it does not serve is a race, an answer that did not come in time, or a fault that was mended since."""


@dataclass(frozen=True)
class LastLook:
    """How a version was last judged: against which champion, None where there was none, and by which pipeline file."""

    verdict: str
    champion: str | None
    config: PipelineConfig


def version_of(registry: ModelRegistry, fingerprint: str, *, dataset: str, code: str) -> ModelVersion | None:
    """The newest finished version with this fingerprint; None where there is none.

    Parameters
    ----------
    dataset, code : the newest dataset version and the code's digest, with which the version's name ends.
    """
    suffix = version_suffix(dataset, code)
    for version in reversed(registry.versions()):
        if version.endswith(suffix):
            model = registry.read(version)
            if model.manifest.get("fingerprint") == fingerprint:
                return model
    return None


def why_not_again(version: str, pointer: Pointer | None, last: LastLook | None, config: PipelineConfig) -> str:
    """Why a run ends without training because it would make `version` again; empty where training has a use.

    Parameters
    ----------
    pointer : None before the first promotion.
    last : None where the version was never judged to the end.
    config : the pipeline of this run.

    Examples
    --------
    >>> from contender.pipeline.config import parse_pipeline
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> why_not_again("v2", None, LastLook("loses", None, config), config)
    'v2 was trained from the same code, settings and data, and compared on the same rows: it lost.'
    >>> why_not_again("v2", None, None, config)
    ''
    """
    made = "was trained from the same code, settings and data"
    if pointer is not None and version == pointer.champion:
        return f"The champion {version} {made}; a retrain would give the same model."
    if pointer is not None and version in pointer.rolled_back:
        return f"{version} {made}, and was rolled back; only a person can bring it back."
    if last is None or last.verdict not in SETTLED or not _same_question(last, pointer, config):
        return ""
    return f"{version} {made}, and compared on the same rows: {SETTLED[last.verdict]}."


def _same_question(last: LastLook, pointer: Pointer | None, config: PipelineConfig) -> bool:
    """Whether a comparison today would be the one of then; its rows are, because the newest are among the data."""
    champion = pointer.champion if pointer is not None else None
    return (last.champion, last.config.promotion, last.config.slices) == (champion, config.promotion, config.slices)


def not_trained_again(version: str, run_id: str) -> str:
    """The start of a run's reason when its training found the model that it would have made.

    Examples
    --------
    >>> not_trained_again("v2", "8b2e41c7-run")
    'v2 was not retrained: run 8b2e41c7 made it from the same code, settings and data.'
    """
    return f"{version} was not retrained: run {run_id[:8]} made it from the same code, settings and data."

"""Which stacks are an environment's, and which of them belong to pipelines that have no file any more.

A stack's name begins with the environment's stage, `contender-prod`, and ends with what the stack is:
`contender-prod-data`, or for a pipeline `contender-prod-new-york-serving`. Names alone mistake one environment for
another: stage `contender-prod` with a pipeline `eu-flights` has the names of stage `contender-prod-eu` with a pipeline
`flights`. So tags decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PROJECT_TAG, ENVIRONMENT_TAG = "project", "environment"
"""Tags of all that is deployed: the prefix of names (`contender`), and the environment's own name."""

PIPELINE_STACKS = ("workflow", "predictions", "serving", "batch", "monitoring")
"""The stacks that each pipeline has, beside those that all pipelines share; no other stack's name ends so."""


def stage_of(project: str, environment: str) -> str:
    """What names of an environment begin with.

    Examples
    --------
    >>> stage_of("contender", "prod")
    'contender-prod'
    """
    return f"{project}-{environment}"


def is_of(name: str, tags: Mapping[str, str], project: str, environment: str) -> bool:
    """Whether a stack is of an environment: its tags tell, and where it has none (on the local cloud) its name.

    Examples
    --------
    >>> is_of("contender-prod-eu-data", {"project": "contender-prod", "environment": "eu"}, "contender", "prod")
    False
    >>> is_of("contender-prod-eu-serving", {"project": "contender", "environment": "prod"}, "contender", "prod")
    True
    """
    tagged = tags.get(PROJECT_TAG), tags.get(ENVIRONMENT_TAG)
    if tagged != (None, None):
        return tagged == (project, environment)
    return name.startswith(f"{stage_of(project, environment)}-")


def pipeline_of(stack: str, stage: str) -> str:
    """The pipeline that a stack of the stage belongs to; empty where all pipelines share it.

    Examples
    --------
    >>> pipeline_of("contender-prod-new-york-serving", "contender-prod")
    'new-york'
    >>> pipeline_of("contender-prod-data", "contender-prod")
    ''
    """
    pipeline, _, kind = stack.removeprefix(f"{stage}-").rpartition("-")
    return pipeline if kind in PIPELINE_STACKS else ""


def without_file(stacks: Iterable[str], stage: str, pipelines: Iterable[str]) -> dict[str, list[str]]:
    """The stacks of pipelines that have no file, by pipeline. A deployment leaves them alone.

    Parameters
    ----------
    stacks : names of the stage's stacks.
    pipelines : those that have a file.

    Examples
    --------
    >>> names = ["contender-dev-data", "contender-dev-new-serving", "contender-dev-new-york-serving"]
    >>> without_file(names, "contender-dev", ["new-york"])
    {'new': ['contender-dev-new-serving']}
    """
    known, found = set(pipelines), dict[str, list[str]]()
    for name in sorted(stacks):
        pipeline = pipeline_of(name, stage)
        if pipeline and pipeline not in known:
            found.setdefault(pipeline, []).append(name)
    return found

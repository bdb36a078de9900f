"""How two environments differ: their settings, their pipelines, and what serves in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from contender.environments.settings import EnvironmentSettings, pipeline_in
from contender.pipeline.config import PipelineConfig, content_of

NO_SETTINGS = ("like", "every_pipeline", "pipelines")
"""What they come to is compared instead."""


@dataclass(frozen=True)
class Difference:
    """Something that is one thing here and another there. `about`: `environment`, `champion`, or a pipeline's name."""

    about: str
    name: str
    here: Any
    there: Any


def setting_differences(here: EnvironmentSettings, there: EnvironmentSettings) -> Iterator[Difference]:
    """The keys of two environments that have different values.

    Examples
    --------
    >>> from contender.environments.settings import environments_of
    >>> known = environments_of('[prod]\\narchitecture = "arm64"')
    >>> [each.name for each in setting_differences(known["dev"], known["prod"])]
    ['architecture', 'keep_data', 'protected', 'log_retention_days', 'endpoint_zones']
    """
    for setting in fields(EnvironmentSettings):
        mine, theirs = getattr(here, setting.name), getattr(there, setting.name)
        if setting.name not in NO_SETTINGS and mine != theirs:
            yield Difference("environment", setting.name, mine, theirs)


def pipeline_differences(
    config: PipelineConfig, here: EnvironmentSettings, there: EnvironmentSettings
) -> Iterator[Difference]:
    """The keys of a pipeline that have different values in two environments."""
    mine = dict(_flat(content_of(pipeline_in(config, here))))
    theirs = dict(_flat(content_of(pipeline_in(config, there))))
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            yield Difference(config.name, name, mine.get(name), theirs.get(name))


def champion_differences(here: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Difference]:
    """The pipelines whose champions differ: by name, the champion's version or why there is none.

    Examples
    --------
    >>> list(champion_differences({"flights": "v2"}, {"flights": "v1"}))
    [Difference(about='champion', name='flights', here='v2', there='v1')]
    """
    for name in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(name, "no such pipeline"), there.get(name, "no such pipeline")
        if mine != theirs:
            yield Difference("champion", name, mine, theirs)


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

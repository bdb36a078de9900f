"""Settings of environments: `environments.toml` at the project's root, which may be absent.

An environment begins as `dev` or `prod` and says where it differs; so do the pipelines in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig, with_values
from contender.pipeline.keys import key
from contender.pipeline.sections import section_of

FILE = "environments.toml"
LOCAL = "local"
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
"""What CloudWatch Logs offers."""
ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True)
class EnvironmentSettings:
    """One environment in an account."""

    like: str = key(
        "The built-in environment that the others of these keys begin with. `dev` and `prod` are like themselves.",
        "dev",
        choices=("dev", "prod"),
    )
    account: str = key(
        "The account that it belongs to: a deployment with the credentials of another one is refused. Empty: that of "
        "the credentials.",
        "",
    )
    region: str = key("The region that it belongs to. Empty: that of the credentials.", "")
    architecture: str = key(
        "Processor of functions and trainings: `x86_64`, or `arm64` (Graviton, about a fifth cheaper).",
        "x86_64",
        choices=ARCHITECTURES,
    )
    keep_data: bool = key(
        "Whether buckets, tables and keys outlive their stack (`cdk destroy`). dev: `false`, prod: `true`.", False
    )
    protected: bool = key(
        "Whether stacks are protected against deletion by mistake. dev: `false`, prod: `true`.", False
    )
    log_retention_days: int = key(
        "How long logs are kept, in days. dev: `14`, prod: `365`.", 14, choices=tuple(map(str, LOG_RETENTION_DAYS))
    )
    endpoint_zones: int = key(
        "Availability zones with interface endpoints of the training network; each costs by the hour. dev: `1`, "
        "prod: `2`.",
        1,
        minimum=1,
        maximum=2,
    )
    flow_logs: bool = key("Whether the training network logs its traffic.", True)
    container_insights: bool = key("Whether CloudWatch measures each training container.", True)
    tracing: bool = key("Whether X-Ray traces functions and state machines.", True)
    alarm_emails: tuple[str, ...] = key(
        "Addresses for the alarms of all pipelines, beside those of a pipeline file's `[notify]`. The context "
        "`alarm_emails` precedes them.",
        (),
    )
    documentation_url: str = key(
        "Where the site that `make docs` builds is published (`https://…`): mails about alarms link to the page that "
        "says what to do. Empty: they name its file.",
        "",
    )
    every_pipeline: dict[str, Any] = key(
        "Keys of every pipeline file that have another value here, as in a pipeline file: sizes, schedules, alarms. "
        "Only keys in a section: what a model learns from is the same in every environment.",
        {},
    )
    pipelines: dict[str, Any] = key("The same for single pipelines, by name; it precedes `every_pipeline`.", {})


PROD = {"keep_data": True, "protected": True, "log_retention_days": 365, "endpoint_zones": 2}
"""Where the built-in `prod` differs from `dev`."""


def read_environments(project: Path) -> Mapping[str, EnvironmentSettings]:
    """All environments in accounts: `dev`, `prod`, and what the project's file adds or changes.

    Raises
    ------
    PipelineFileError
        When the file is no TOML, or a key is unknown, of the wrong type or out of bounds; the message names the file.
    """
    path = project / FILE
    try:
        return environments_of(path.read_text(encoding="utf-8") if path.is_file() else "")
    except (PipelineFileError, UnicodeDecodeError) as error:
        raise PipelineFileError(f"{path}: {error}") from None


def environments_of(text: str) -> Mapping[str, EnvironmentSettings]:
    """The environments of a file's text; see `read_environments`.

    Examples
    --------
    >>> found = environments_of('[staging]\\nlike = "prod"\\narchitecture = "arm64"')
    >>> sorted(found), found["staging"].keep_data, found["staging"].architecture, found["prod"].architecture
    (['dev', 'prod', 'staging'], True, 'arm64', 'x86_64')
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PipelineFileError(f"not TOML: {error}") from None
    if LOCAL in content:
        raise PipelineFileError(f"[{LOCAL}] is the local cloud, which has no settings; name dev, prod or your own")
    named = {"dev": {}, "prod": {}} | content
    return {name: _environment(name, given) for name, given in named.items()}


def _environment(name: str, given: Any) -> EnvironmentSettings:
    if not name.isascii() or not name.isalnum() or not name.islower() or len(name) > 12:
        raise PipelineFileError(
            f"an environment's name must be 1 to 12 lower-case letters and digits, but got {name!r}: it is part of "
            "the names of all its stacks"
        )
    if not isinstance(given, dict):
        raise PipelineFileError(f"{name} must be a table, but got {given!r}; write [{name}]")
    like = given.get("like", name if name in ("dev", "prod") else "dev")
    begins = PROD if like == "prod" else {}
    made = section_of(EnvironmentSettings, {"like": like, **begins, **given}, f"{name}.")
    if made.documentation_url and not made.documentation_url.startswith("https://"):
        raise PipelineFileError(
            f"{name}.documentation_url must begin with https://, but got {made.documentation_url!r}: mails link to it"
        )
    for pipeline, table in made.pipelines.items():
        if not isinstance(table, dict):
            raise PipelineFileError(f"{name}.pipelines.{pipeline} must be a table, but got {table!r}")
        list(_changes(table, f"{name}.pipelines.{pipeline}"))
    list(_changes(made.every_pipeline, f"{name}.every_pipeline"))
    return made


def pipeline_changes(settings: EnvironmentSettings, pipeline: str) -> dict[str, Any]:
    """The keys (`section.key`) of a pipeline file that have another value in an environment.

    Examples
    --------
    >>> text = "[prod.every_pipeline.schedule]\\nenabled = false\\n[prod.pipelines.flights.training]\\ncpu = 4096"
    >>> pipeline_changes(environments_of(text)["prod"], "flights")
    {'schedule.enabled': False, 'training.cpu': 4096}
    """
    own = settings.pipelines.get(pipeline, {})
    return dict(_changes(settings.every_pipeline, "every_pipeline")) | dict(_changes(own, pipeline))


def _changes(table: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    for section, keys in table.items():
        if not isinstance(keys, dict):
            raise PipelineFileError(
                f"{place}.{section} is a key without a section, which describes the data; it is the same in every "
                "environment: set it in the pipeline file"
            )
        for name, value in keys.items():
            yield f"{section}.{name}", value


def pipeline_in(config: PipelineConfig, settings: EnvironmentSettings) -> PipelineConfig:
    """A pipeline as it is in an environment.

    Raises
    ------
    PipelineFileError
        When a key that the environment sets is unknown, or its value is out of bounds.
    """
    return replace(with_values(config, pipeline_changes(settings, config.name)), path=config.path)


def check_pipelines_known(name: str, settings: EnvironmentSettings, pipelines: Sequence[str]) -> None:
    """Hold the pipelines that an environment names to those that there are.

    Raises
    ------
    PipelineFileError
        When there is no pipeline file of that name.
    """
    for pipeline in settings.pipelines:
        if pipeline not in pipelines:
            known = ", ".join(sorted(pipelines)) or "none"
            raise PipelineFileError(f"{FILE}: {name}.pipelines.{pipeline}: no such pipeline; pipelines: {known}")


def settings_table() -> str:
    """The keys of an environment as a table for docs/environments.md."""
    rows = [f"| `{setting.name}` | {setting.metadata['doc']} |" for setting in fields(EnvironmentSettings)]
    return "\n".join(("| key | meaning |", "|---|---|", *rows, ""))

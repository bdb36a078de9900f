"""environments.toml: what environments begin with, what they change, and what is refused."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.environments.differences import pipeline_differences, setting_differences
from contender.environments.settings import (
    EnvironmentSettings,
    environments_of,
    pipeline_in,
    read_environments,
    settings_table,
)
from contender.errors import PipelineFileError
from contender.pipeline.config import parse_pipeline

PAGE = Path(__file__).resolve().parents[3] / "docs" / "environments.md"
CONFIG = parse_pipeline('name = "flights"\ntask = "binary"\ntarget = "late"\nnumeric = ["delay"]')
FILE = """
[dev.every_pipeline.schedule]
enabled = false
[prod]
architecture = "arm64"
alarm_emails = ["night@example.org"]
[prod.every_pipeline.schedule]
expression = "rate(6 hours)"
[prod.pipelines.flights]
training = { cpu = 4096, memory_mib = 16384 }
alarms = { failed_runs = 3 }
schedule = { expression = "rate(1 hour)" }
[staging]
like = "prod"
log_retention_days = 30
"""


def test_without_a_file_there_are_dev_and_prod(tmp_path: Path) -> None:
    found = read_environments(tmp_path)
    assert sorted(found) == ["dev", "prod"]
    assert (found["dev"].keep_data, found["dev"].log_retention_days) == (False, 14)
    assert (found["prod"].keep_data, found["prod"].protected, found["prod"].log_retention_days) == (True, True, 365)


def test_an_environment_has_sizes_schedules_retention_and_alarms_of_its_own() -> None:
    found = environments_of(FILE)
    assert (found["staging"].keep_data, found["staging"].log_retention_days) == (True, 30)
    assert (found["prod"].architecture, found["prod"].alarm_emails) == ("arm64", ("night@example.org",))
    here = pipeline_in(CONFIG, found["prod"])
    assert (here.training.cpu, here.training.memory_mib, here.alarms.failed_runs) == (4096, 16384, 3)
    assert here.schedule.expression == "rate(1 hour)"  # a pipeline's own precedes every pipeline's
    assert pipeline_in(CONFIG, found["dev"]).schedule.enabled is False


def test_what_differs_is_what_it_comes_to() -> None:
    found = environments_of(FILE)
    told = {each.name: (each.here, each.there) for each in pipeline_differences(CONFIG, found["dev"], found["prod"])}
    assert told == {
        "alarms.failed_runs": (1, 3),
        "schedule.enabled": (False, True),
        "schedule.expression": ("rate(15 hours)", "rate(1 hour)"),
        "training.cpu": (CONFIG.training.cpu, 4096),
        "training.memory_mib": (CONFIG.training.memory_mib, 16384),
    }
    assert list(setting_differences(found["prod"], found["prod"])) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[prod\n", "not TOML"),
        ("[prod]\nprotect = true", "unknown key prod.protect; did you mean prod.protected?"),
        ("[prod]\nendpoint_zones = 3", "prod.endpoint_zones must be at most 2, but got 3"),
        ("[prod]\nlog_retention_days = 10", "prod.log_retention_days must be one of 1, 3, 5, 7"),
        ('[prod]\narchitecture = "mips"', "prod.architecture must be one of x86_64, arm64, but got 'mips'"),
        ('[prod]\ndocumentation_url = "docs.example.org"', "prod.documentation_url must begin with https://"),
        ("[local]\n", "the local cloud, which has no settings"),
        ("[Prod-2]\n", "1 to 12 lower-case letters and digits, but got 'Prod-2'"),
        ("prod = 7", "prod must be a table, but got 7"),
        ('[prod.every_pipeline]\ntarget = "x"', "every_pipeline.target is a key without a section"),
        ("[prod.pipelines]\nflights = 7", "prod.pipelines.flights must be a table, but got 7"),
    ],
)
def test_a_wrong_file_is_told_with_what_to_change(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "environments.toml").write_text(text, "utf-8")
    with pytest.raises(PipelineFileError) as refused:
        read_environments(tmp_path)
    assert str(tmp_path / "environments.toml") in str(refused.value)
    assert said in str(refused.value)


def test_a_key_that_no_pipeline_has_is_refused() -> None:
    found = environments_of("[prod.every_pipeline.training]\ncpus = 4")
    with pytest.raises(PipelineFileError, match=r"unknown key training\.cpus; did you mean training\.cpu\?"):
        pipeline_in(CONFIG, found["prod"])


@given(st.text())
def test_whatever_the_file_holds_the_answer_is_settings_or_an_error(text: str) -> None:
    with contextlib.suppress(PipelineFileError):
        assert {"dev", "prod"} <= environments_of(text).keys()


def test_every_key_is_documented() -> None:
    assert all(setting.metadata["doc"] for setting in fields(EnvironmentSettings))
    assert settings_table() in PAGE.read_text("utf-8")

"""What environments.toml says is what is deployed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from contender.environments.settings import environments_of
from contender.errors import PipelineFileError
from contender.pipeline.config import load_pipeline
from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, PIPELINE_FILE, PROJECT_ROOT

environments, stages, apps = lazily("stacks.environment"), lazily("stacks.stage"), lazily("stacks.app")
data_stack, log_stack, training = lazily("stacks.data"), lazily("stacks.prediction_log"), lazily("stacks.training")
access, state_functions = lazily("stacks.access"), lazily("stacks.state_functions")

FILE = f"""
[prod]
architecture = "arm64"
log_retention_days = 30
documentation_url = "https://docs.example.com"
[prod.every_pipeline.schedule]
enabled = false
[prod.pipelines.{PIPELINE}]
training = {{ cpu = 4096, memory_mib = 16384 }}
"""


def properties(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def test_functions_and_trainings_have_the_environments_processor_and_retention(tmp_path: Path) -> None:
    import aws_cdk as cdk

    file = tmp_path / f"{PIPELINE}.toml"
    file.write_text(PIPELINE_FILE, "utf-8")
    pipeline = load_pipeline(file)
    made = environments.in_account("prod", environments_of(FILE)["prod"])
    environment = dataclasses.replace(made, bundle_dependencies=False)
    app = cdk.App(
        outdir=str(tmp_path / "out"), context=stages.FEATURE_FLAGS, analytics_reporting=False, tree_metadata=False
    )
    shared = {"environment": environment, "project_root": PROJECT_ROOT}
    data = data_stack.DataStack(app, "data", environment=environment, pipelines=(pipeline,))
    training.TrainingStack(app, "training", storage=data.storage, **shared)
    log_stack.PredictionStore(app, "store", pipeline=pipeline, storage=data.storage, **shared)
    tell = state_functions.FunctionSpec(state="Tell", folder="tell", description="mails", access=access.Access())
    state_functions.LoopFunctions(
        cdk.Stack(app, "mails"), "Mails", pipeline=pipeline, storage=data.storage, specs=(tell,), variables={}, **shared
    )
    templates = {name: app.synth().get_stack_by_name(name).template for name in ("training", "store", "mails")}
    (task,) = properties(templates["training"], "AWS::ECS::TaskDefinition")
    assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    functions = properties(templates["store"], "AWS::Lambda::Function")
    assert [each["Architectures"] for each in functions] == [["arm64"]] * len(functions)
    logs = properties(templates["store"], "AWS::Logs::LogGroup")
    assert {each["RetentionInDays"] for each in logs} == {30}
    (writer,) = properties(templates["mails"], "AWS::Lambda::Function")
    assert writer["Environment"]["Variables"]["DOCUMENTATION_URL"] == "https://docs.example.com"


def test_a_pipeline_that_differs_is_deployed_with_a_file_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / f"{PIPELINE}.toml").write_text(f"# mine\n{PIPELINE_FILE}", "utf-8")
    known = environments_of(FILE)
    (here,) = apps.pipelines_in(tmp_path, "prod", known["prod"])
    assert here.path == str(tmp_path / ".contender/pipelines/prod" / f"{PIPELINE}.toml")
    assert (here.training.cpu, here.schedule.enabled) == (4096, False)
    assert Path(here.path).read_text("utf-8").startswith("# mine\n")
    (as_written,) = apps.pipelines_in(tmp_path, "dev", known["dev"])
    assert as_written.path == str(tmp_path / "pipelines" / f"{PIPELINE}.toml")
    with pytest.raises(PipelineFileError, match=r"prod\.pipelines\.cabs: no such pipeline; pipelines: taxi"):
        apps.pipelines_in(tmp_path, "prod", environments_of("[prod.pipelines.cabs.training]\ncpu = 4096")["prod"])


@pytest.mark.parametrize(
    ("asked", "here", "account"),
    [("", "", None), ("", "222222222222", "222222222222"), ("111111111111", "222222222222", "111111111111")],
)
def test_an_environment_without_an_account_takes_that_of_the_credentials(
    monkeypatch: pytest.MonkeyPatch, asked: str, here: str, account: str | None
) -> None:
    assert target("", asked, here, monkeypatch).account == account


def test_credentials_of_another_account_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = "111111111111", "222222222222"
    assert target(own, "", own, monkeypatch).account == own
    assert target(own, "", "", monkeypatch).account == own  # to look at a template takes no credentials
    assert target(own, own, other, monkeypatch).account == own  # from an account that it trusts
    with pytest.raises(
        apps.WrongAccountError, match=f"prod belongs to account {own}, but the credentials are .*{other}"
    ):
        target(own, "", other, monkeypatch)
    with pytest.raises(apps.WrongAccountError, match=f"but -c account is {other}; nothing was deployed"):
        target(own, other, own, monkeypatch)


@pytest.mark.parametrize(
    ("context", "stage"),
    [({}, "contender-dev"), ({"env": "prod"}, "contender-prod"), ({"env": "local", "prefix": "acme"}, "acme-local")],
)
def test_the_context_names_the_environment_and_what_its_stacks_begin_with(context: dict[str, str], stage: str) -> None:
    found = apps.asked_for(Context(**context), environments_of(""))
    assert (found.stage_name, found.image_functions) == (stage, found.on_aws)
    assert apps.asked_for(Context(**context, containers="true"), environments_of("")).image_functions


class Context:
    """The app's context."""

    def __init__(self, **values: str) -> None:
        self._values = values

    def try_get_context(self, name: str) -> str:
        return self._values.get(name, "")


def target(own: str, asked: str, here: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", here)
    settings = environments_of(f'[prod]\naccount = "{own}"')["prod"]
    return apps.target_of(Context(account=asked), environments.in_account("prod", settings), settings)

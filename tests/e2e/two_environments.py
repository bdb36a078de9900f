"""dev and prod on one local cloud: the same pipeline twice, with buckets, keys and machines of its own in each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from contender.cli.clouds import Workbench, connect
from contender.pipeline.config import load_pipeline
from localcloud import cloud
from localcloud.state import CREDENTIALS, REGION
from tests.e2e import shop
from tests.e2e.loop import LivePipeline, LocalLoop, copy_project

PIPELINE = "shop"

APP = """
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk

from contender.environments.settings import read_environments
from stacks.app import pipelines_in
from stacks.environment import local
from stacks.stage import FEATURE_FLAGS, ContenderStage

root = Path(__file__).resolve().parent
app = cdk.App(context=FEATURE_FLAGS, analytics_reporting=False, tree_metadata=False)
for name, settings in read_environments(root).items():
    pipelines = pipelines_in(root, name, settings)
    ContenderStage(app, environment=replace(local(), name=name), pipelines=pipelines, project_root=root)
app.synth()
"""
"""Both environments as the local cloud deploys its own: without what it does not have."""

SETTINGS = """
[prod.pipelines.shop.training]
parameters = { C = 0.0001 }

[prod.pipelines.shop.promotion]
metric = "log_loss"
"""
"""What prod trains by itself hardly learns: its probabilities stay where they began."""


@dataclass(frozen=True)
class TwoEnvironments:
    """The running cloud, and the pipeline in both environments."""

    loop: LocalLoop
    dev: LivePipeline
    prod: LivePipeline


@contextmanager
def two_environments(root: Path) -> Iterator[TwoEnvironments]:
    """Commands reach the environments as they reach AWS: by credentials and endpoint of this process."""
    loop = LocalLoop(root)
    copy_project(root)
    for file in (root / "pipelines").glob("*"):
        file.unlink()
    loop.write_pipeline(PIPELINE, shop.pipeline_file(PIPELINE))
    (root / "app.py").write_text(APP, "utf-8")
    (root / "environments.toml").write_text(SETTINGS, "utf-8")
    try:
        loop.up()
        with mock.patch.dict(os.environ, _reaching(loop)):
            yield TwoEnvironments(loop, _pipeline(loop, "dev"), _pipeline(loop, "prod"))
    finally:
        loop.down()


def _reaching(loop: LocalLoop) -> dict[str, str]:
    endpoint = cloud.status(loop.root).endpoint_url
    keys = {name.upper(): value for name, value in CREDENTIALS.items()}
    return {**keys, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}


def _pipeline(loop: LocalLoop, environment: str) -> LivePipeline:
    config = load_pipeline(loop.root / "pipelines" / f"{PIPELINE}.toml")
    return LivePipeline.of(Workbench(connect(environment, loop.root), environment, PIPELINE), config)

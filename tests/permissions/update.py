"""Writes what the tests of permissions compare with: the deployed policies, and the calls that functions make.

    python -m tests.permissions.update            # both
    python -m tests.permissions.update --policies # only the policies, after a change in stacks/

Look at the difference before you commit it: it says what a change lets whom do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.permissions.recorder import DEPLOYED, RECORDED, WRITE_TO
from tests.permissions.services import topic_keys_of
from tests.permissions.templates import Deployment, folder_of, policies_of, resource_policies_of
from tests.stacks.conftest import SETTINGS
from tests.stacks.synthesis import PIPELINE, Synthesised, synthesise

HERE = "shop"
"""The pipeline of the handlers' tests."""


def deployed_text(*synthesised: Synthesised) -> str:
    """The content of `deployed.json`: what each environment has beyond the ones after it."""
    content: dict[str, dict[str, Any]] = {"identity": {}, "resources": {}, "variables": {}, "topic_keys": {}}
    for deployment in map(Deployment, synthesised):
        content["identity"] |= policies_of(deployment)
        content["resources"] |= resource_policies_of(deployment)
        content["variables"] |= _variables(deployment)
        content["topic_keys"] |= topic_keys_of(deployment)
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).replace(PIPELINE, HERE)
    # Digests of assets change with their content, and say nothing about who may do what.
    return re.sub(r"[0-9a-f]{64}", "0", text) + "\n"


def _variables(deployment: Deployment) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for stack, _, properties in deployment.resources("AWS::Lambda::Function"):
        written = properties.get("Environment", {}).get("Variables", {})
        found[folder_of(properties)] = _names(deployment.value(stack, written))
    for stack, _, properties in deployment.resources("AWS::ECS::TaskDefinition"):
        pairs = properties["ContainerDefinitions"][0]["Environment"]
        found["training TrainTaskRole"] = _names({one["Name"]: deployment.value(stack, one["Value"]) for one in pairs})
    return dict(sorted(found.items()))


def _names(variables: dict[str, Any]) -> dict[str, str]:
    """Those that name a resource."""
    ending = ("_BUCKET", "_TABLE", "_URL", "_ARN", "_KEY_ID", "_FUNCTION_NAME", "PIPELINE_FILE", "ALARM")
    return {name: str(value) for name, value in sorted(variables.items()) if name.endswith(ending)}


def main() -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as folder:
        more, dev = Path(folder, "more"), Path(folder, "dev")
        for place in (more, dev):
            place.mkdir()
        text = deployed_text(synthesise("dev", more, more_settings=SETTINGS), synthesise("dev", dev))
        DEPLOYED.write_text(text, encoding="utf-8")
    if "--policies" not in sys.argv:
        environment = {**os.environ, WRITE_TO: str(RECORDED)}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/handlers"]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()

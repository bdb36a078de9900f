"""Runs the CDK's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from delivery.errors import DeliveryError

PACKAGE = "aws-cdk@2.1148.1"
"""The CDK's command line. It is handed the session of a deployment, so it is a version that was tried here, not the
newest one. The Makefile reads it from this line."""

CLI = ("npx", "--yes", PACKAGE)

Run = Callable[[Sequence[str], Path], str]
"""Runs the CDK with these arguments in a folder, and answers what it printed. Raises DeliveryError where it fails."""


def run_cdk(arguments: Sequence[str], root: Path) -> str:
    """Run the CDK; what it prints is shown as it comes."""
    # The app runs on this interpreter, and jsii and the CDK on the Node beside it.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [*CLI, *arguments]
    lines = []
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            lines.append(line)
    if process.returncode:
        raise DeliveryError(
            f"cdk {arguments[0]} failed with exit code {process.returncode}, for the reason above; what CloudFormation "
            "had begun to change, it has rolled back by itself"
        )
    return "".join(lines)

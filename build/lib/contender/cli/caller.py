"""Who runs the command."""

from __future__ import annotations

import getpass

from contender.cli.clouds import LOCAL, Workbench


def caller_of(bench: Workbench) -> str:
    """For the history: the caller's identity in AWS, the login name here."""
    if bench.environment != LOCAL:
        return str(bench.cloud.client("sts").get_caller_identity()["Arn"])
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody"

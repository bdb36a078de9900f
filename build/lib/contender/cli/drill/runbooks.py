"""The commands of a runbook, as a person types them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from string import Template

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = "contender"


def commands(page: str, *, pipeline: str, environment: str) -> Sequence[Sequence[str]]:
    """The arguments of each `contender …` in the command blocks of a page, for one pipeline of one environment.

    Raises
    ------
    ValueError
        When a block has a line that is no such command: whoever follows the page could not run it either.

    Examples
    --------
    >>> page = "Why?\\n```sh\\ncontender runs --pipeline $PIPELINE --env $ENV --limit 5\\n```\\n"
    >>> commands(page, pipeline="flights", environment="prod")
    [['runs', '--pipeline', 'flights', '--env', 'prod', '--limit', '5']]
    """
    lines = [line for block in _BLOCK.findall(page) for line in block.splitlines() if line.strip()]
    words = [shlex.split(Template(line).substitute(PIPELINE=pipeline, ENV=environment)) for line in lines]
    for line, found in zip(lines, words, strict=True):
        if found[0] != PROGRAM:
            raise ValueError(f"a command block of a runbook holds `{PROGRAM} …`, but got {line!r}")
    return [found[1:] for found in words]

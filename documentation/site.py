"""Builds the site with MkDocs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from documentation.mermaid import mermaid
from localcloud.side_environments import TOOLS, SideEnvironment

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "mkdocs.yml"


class SiteError(Exception):
    """The site has a broken link, a missing anchor, a page outside of the navigation, or could not be built."""


def environment() -> SideEnvironment:
    """MkDocs' environment; made at first use."""
    return SideEnvironment("mkdocs", Path(__file__).parent / "tools" / "mkdocs.txt", ROOT.joinpath(*TOOLS, "mkdocs"))


def build(to: Path, config: Path = CONFIG) -> int:
    """Build the site strictly into a folder; the number of its pages.

    Raises
    ------
    SiteError
        With what MkDocs warned of, one line each.
    SideEnvironmentError
        When MkDocs or Mermaid cannot be fetched.
    """
    program = environment().program("mkdocs", _report)
    command = [str(program), "build", "--strict", "--config-file", str(config), "--site-dir", str(to)]
    # Not --quiet: warnings would not count then. Material speaks of its successor unless it is asked not to.
    variables = {**os.environ, "MERMAID": str(mermaid(_report)), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, cwd=ROOT)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line and not line.startswith("INFO")]
        raise SiteError("\n".join(said) or done.stdout.strip())
    return len(list(to.rglob("*.html")))


def _report(line: str) -> None:
    print(line, file=sys.stderr)

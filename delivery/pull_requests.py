"""Writes a comment of a pull request anew each time, so that it has one of each kind; through GitHub's own CLI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence

from delivery.errors import DeliveryError

MOST_CHARACTERS = 65_000
"""GitHub takes 65,536, with the marker."""

Gh = Callable[[Sequence[str], str], str]
"""Calls `gh` with arguments and standard input, and answers what it printed. Raises DeliveryError where it fails."""


def run_gh(arguments: Sequence[str], text: str) -> str:
    """Call GitHub's CLI, which reads its token from GH_TOKEN."""
    try:
        done = subprocess.run(["gh", *arguments], input=text, capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError:
        raise DeliveryError("GitHub's command line `gh` is not installed; see cli.github.com") from None
    if done.returncode:
        raise DeliveryError(
            f"gh {arguments[0]} failed: {done.stderr.strip()}; GH_TOKEN must be a token that may write to pull requests"
        )
    return done.stdout


def comment(repository: str, number: str, kind: str, text: str, gh: Gh) -> str:
    """Write the comment of this kind, in place of the one before; the path of what was written.

    Parameters
    ----------
    kind : what the comment is about; it stands in the comment, where nobody sees it.

    Raises
    ------
    DeliveryError
        When the repository or the number is missing, or GitHub refuses.
    """
    if "/" not in repository or not number.isdigit():
        raise DeliveryError(
            "a comment needs GITHUB_REPOSITORY=owner/name and PULL_REQUEST=number, but they are "
            f"{repository!r} and {number!r}; without them, read the file itself"
        )
    marker = f"<!-- contender: {kind} -->"
    # One object a line, whatever the number of pages.
    listed = gh(
        ["api", "--paginate", f"repos/{repository}/issues/{number}/comments", "--jq", ".[] | {id, body} | tojson"], ""
    )
    before = [one["id"] for line in listed.splitlines() if marker in (one := json.loads(line))["body"]]
    path = (
        f"repos/{repository}/issues/comments/{before[0]}" if before else f"repos/{repository}/issues/{number}/comments"
    )
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}\n\n… (cut; the run's summary and artifact have it whole)"
    body = json.dumps({"body": f"{marker}\n{text}"})
    gh(["api", "--method", "PATCH" if before else "POST", path, "--input", "-"], body)
    return path

"""Titles of pull requests, which become the titles of commits on main: Conventional Commits 1.0.0.

`make title` runs this file without anything installed: a title is checked in seconds, and each time that it is edited.
"""

from __future__ import annotations

import re
import sys

KINDS = ("feat", "fix", "perf", "refactor", "docs", "test", "build", "ci", "chore", "revert")
MOST_CHARACTERS = 100
TITLE = re.compile(rf"(?:{'|'.join(KINDS)})(?:\([a-z0-9][a-z0-9_/-]*\))?!?: \S.*")


def complaint(title: str) -> str:
    """What is wrong with a title; empty where nothing is.

    Examples
    --------
    >>> complaint("fix(serving): a model that is gone is answered with 503")
    ''
    >>> complaint("Fixed it").split(";")[0]
    "the title must be KIND: WHAT or KIND(ROOM): WHAT, but is 'Fixed it'"
    """
    if not TITLE.fullmatch(title):
        return (
            f"the title must be KIND: WHAT or KIND(ROOM): WHAT, but is {title!r}; KIND is one of {', '.join(KINDS)}, "
            "with ! for what breaks users' code. For example: fix(serving): answer 503 while there is no model"
        )
    if len(title) > MOST_CHARACTERS:
        return (
            f"the title must have at most {MOST_CHARACTERS} characters, but has {len(title)}; say the rest in the text"
        )
    return ""


if __name__ == "__main__":
    said = complaint(" ".join(sys.argv[1:]))
    sys.exit(f"title: {said}" if said else 0)

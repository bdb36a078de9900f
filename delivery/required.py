"""Whether every job that a merge needs has succeeded: `make required`, the check that the ruleset names.

GitHub takes a job that was skipped for one that passed, and a job of a matrix reports under a name of its own. So the
ruleset names one job of each workflow, which runs whatever became of the others and looks at their results. It runs
without anything installed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection


def complaint(needs: str, may_be_skipped: Collection[str] = ()) -> str:
    """What stands in the way of a merge; empty where nothing does.

    Parameters
    ----------
    needs : GitHub's `needs` as JSON: the result of each job (success, failure, cancelled, skipped) by its name.
    may_be_skipped : jobs that this event does not run.

    Examples
    --------
    >>> complaint('{"gate": {"result": "success"}, "sonar": {"result": "skipped"}}', {"sonar"})
    ''
    >>> complaint('{"gate": {"result": "cancelled"}, "demo": {"result": "skipped"}}')
    'a merge needs every job: gate was cancelled, demo was skipped'
    """
    try:
        results = {job: str(said["result"]) for job, said in json.loads(needs).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        results = {}
    if not results:
        return f"NEEDS must be the results of jobs, ${{{{ toJSON(needs) }}}}, but is {needs[:80]!r}"
    bad = [
        f"{job} {'ended with a failure' if result == 'failure' else f'was {result}'}"
        for job, result in results.items()
        if result != "success" and not (result == "skipped" and job in may_be_skipped)
    ]
    return f"a merge needs every job: {', '.join(bad)}" if bad else ""


def main() -> int:
    """The exit code: 1 with what is in the way on standard error."""
    said = complaint(os.environ.get("NEEDS", ""), os.environ.get("MAY_BE_SKIPPED", "").split())
    if said:
        print(f"required: {said}", file=sys.stderr)
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())

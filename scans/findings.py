"""What a scanner found, and which of it we accept and why."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

EXCEPTIONS = Path(__file__).parent / "exceptions.toml"


@dataclass(frozen=True)
class Finding:
    """`rule` of the scanner, `place` in the project, and `said`: what is wrong, for people."""

    rule: str
    place: str
    said: str


@dataclass(frozen=True)
class Accepted:
    """Findings that are no fault, with the `reason`. `rule` and `place` may have wildcards.

    `sometimes`: digests and names of a build decide whether there is one, so that it may cover nothing.
    """

    rule: str
    place: str
    reason: str
    sometimes: bool = False

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of these."""
        return fnmatchcase(finding.rule, self.rule) and fnmatchcase(finding.place, self.place)


def accepted_by(scan: str, file: Path = EXCEPTIONS) -> Sequence[Accepted]:
    """The exceptions of a scan. Raises ValueError where one has no reason."""
    found = [Accepted(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8")).get(scan, [])]
    without = [each.rule for each in found if not each.reason.strip()]
    if without:
        raise ValueError(f"{file.name}: each exception needs a reason, but {', '.join(without)} has none")
    return found


def complaints(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> list[str]:
    """What fails a scan: findings that nobody accepted, and exceptions that cover no finding.

    >>> complaints([Finding("R1", "a.py:3", "a key")], [Accepted("R2", "*", "why")])
    ['a.py:3: a key (R1)', 'exceptions.toml: R2 at * covers nothing any more; take it out']
    >>> complaints([Finding("R1", "a.py:3", "a key")], [Accepted("R1", "a.py:*", "an example")])
    []
    """
    open_ones = [each for each in findings if not any(one.covers(each) for one in accepted)]
    idle = [one for one in accepted if not one.sometimes and not any(one.covers(each) for each in findings)]
    return [
        *(f"{each.place}: {each.said} ({each.rule})" for each in open_ones),
        *(f"exceptions.toml: {one.rule} at {one.place} covers nothing any more; take it out" for one in idle),
    ]

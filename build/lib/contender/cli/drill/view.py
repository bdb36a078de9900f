"""The drill's table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from contender.cli.console import console
from contender.cli.drill.incident import Expected, Result, Seen

HOUR, DAY = 60.0, 1440.0


def print_results(results: Sequence[Result], seconds: float) -> None:
    """Of each incident the alarm, the time, what healed and the mails; then what is wrong, and the count."""
    width = max(len(result.incident) for result in results)
    for result in results:
        mark = Text("✗ ", style="bold red") if result.problems else Text("✓ ", style="green")
        console.print(mark, Text(result.incident.ljust(width), style="bold"), "  ", Text(in_words(result)), sep="")
        for told in result.seen.mails:
            console.print(Text(f"    {told.subject}", style="dim"))
        for problem in result.problems:
            console.print(Text(f"    {problem}", style="red"))
    passed = sum(not result.problems for result in results)
    console.print(f"{passed} of {len(results)} incidents went as they must, in {seconds:.0f} s")


def in_words(result: Result) -> str:
    """What was seen, in a line.

    Examples
    --------
    >>> from contender.cli.drill.incident import Ring
    >>> seen = Seen([Ring("champion-fails", 2.0)], healed="rolled back")
    >>> in_words(Result("champion-5xx", "", Expected("champion-fails", "page", 5.0), seen, [], 30.0))
    'champion-fails after 2 min (≤ 5 min); rolled back'
    """
    expected, seen = result.expected, result.seen
    sign = expected.alarm or ("mail" if expected.severity else "no alarm")
    bound = f" {after(expected, seen)} (≤ {duration(expected.within_minutes)})" if expected.severity else ""
    return "; ".join(filter(None, (f"{sign}{bound}", seen.healed)))


def after(expected: Expected, seen: Seen) -> str:
    """When the first sign came: the alarm that is expected, or else the first mail."""
    signs = [ring.minutes for ring in seen.rings if ring.kind == expected.alarm]
    if not expected.alarm:
        signs = [mail.minutes for mail in seen.mails]
    return f"after {duration(min(signs))}" if signs else "never"


def duration(minutes: float) -> str:
    """Minutes in the unit that a person would use.

    Examples
    --------
    >>> duration(0.4), duration(15), duration(1440), duration(2880)
    ('< 1 min', '15 min', '24 h', '2 days')
    """
    if minutes < 1.0:
        return "< 1 min"
    if minutes < 2 * HOUR:
        return f"{minutes:.0f} min"
    return f"{minutes / HOUR:.0f} h" if minutes < 2 * DAY else f"{minutes / DAY:.0f} days"

"""A drill as a page: what was broken, which alarm rang and when, and each mail as on-call got it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.cli.drill.incident import Result, Told
from contender.cli.drill.view import duration, in_words
from contender.reports.html import badge, header, section, whole


def drill_page(results: Sequence[Result], seconds: float) -> str:
    """One file without scripts, the incidents in their order, the mails of each in the order in which they came."""
    passed = sum(not result.problems for result in results)
    said = f"{passed} of {len(results)} incidents went as they must"
    top = header("Contender · drill", said, f'<p class="lead">In {seconds:.0f} s, on clocks that were put forward.</p>')
    return whole("Drill", top + "".join(map(_incident, results)), styles=("console.css",))


def _incident(result: Result) -> str:
    mark = badge("bad", "✕ failed") if result.problems else badge("good", "✓ passed")
    told = sorted((*result.seen.mails, *result.seen.news), key=lambda mail: mail.minutes)
    content = f"<p>{mark} {escape(in_words(result))}</p>"
    content += "".join(f'<p class="verdict bad">{escape(problem)}</p>' for problem in result.problems)
    return section(f"{result.incident}: {result.title}", "", content + "".join(map(_mail, told)))


def _mail(told: Told) -> str:
    """
    >>> _mail(Told("page", "[page] prod shop: <1 % answered", "What happened  …", 2.0))[:64]
    '<p class="said">2 min after the fault, to the topic page</p><pre'
    """
    came = f"{duration(told.minutes)} after the fault, to the topic {told.severity}"
    text = f"Subject: {told.subject}\n\n{told.body.rstrip()}"
    return f'<p class="said">{escape(came)}</p><pre class="whole">{escape(text)}</pre>'

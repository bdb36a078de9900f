"""The frame of every mail: a subject that says what happened, and a body of at most fifteen lines.

Whoever reads it at night finds things in the same order: what happened and since when, three lines of evidence, what
was done automatically, what to do now with commands that run, and where to look.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contender.alarms.kinds import Severity
from contender.redaction import without_secrets

SUBJECT_CHARACTERS = 99
"""SNS takes subjects of less than 100 characters, without line breaks and control characters."""
BODY_LINES = 15
LINE_CHARACTERS = 500
EVIDENCE_LINES, STEP_LINES, LINK_LINES = 3, 3, 4

NOTHING_DONE = "Nothing."
OVER = "[over]"
"""The subject of a mail that says that something is over begins so."""


@dataclass(frozen=True)
class Mail:
    """A mail, ready to be published to the topic of its severity.

    Attributes
    ----------
    subject : at most 99 characters.
    body : at most 15 lines of at most 500 characters, without Markdown.
    """

    severity: Severity
    subject: str
    body: str


@dataclass(frozen=True)
class Link:
    """Where to look: a label such as `Run`, and an address or a command."""

    label: str
    target: str


@dataclass(frozen=True)
class Content:
    """What a mail says.

    Attributes
    ----------
    fact : for the subject: what happened, with its number.
    happened : a sentence for somebody who does not know Contender.
    since : a time, and how long ago it was; empty where there is none.
    evidence : at most three lines are printed.
    done : what was done automatically.
    steps : what to do now, at most three lines; a command ends its line.
    links : at most four.
    """

    fact: str
    happened: str
    since: str = ""
    evidence: Sequence[str] = ()
    done: str = NOTHING_DONE
    steps: Sequence[str] = ()
    links: Sequence[Link] = ()


def compose(content: Content, severity: Severity, *, environment: str, pipeline: str, over: bool = False) -> Mail:
    """The mail that says it. Whatever the content is, it fits: texts are cut, never refused.

    Parameters
    ----------
    over : whether it says that something is over: then the subject begins with that, and not with the severity.

    Examples
    --------
    >>> content = Content("2 runs failed in a row", "Training fails.", steps=["contender runs --pipeline flights"])
    >>> mail = compose(content, "ticket", environment="prod", pipeline="flights")
    >>> print(mail.subject)
    [ticket] prod flights: 2 runs failed in a row
    >>> print(mail.body)
    What happened: Training fails.
    Automatically: Nothing.
    <BLANKLINE>
    What to do: contender runs --pipeline flights
    """
    mark = OVER if over else f"[{severity}]"
    subject = cut(f"{mark} {environment} {pipeline}: {without_secrets(content.fact)}", SUBJECT_CHARACTERS)
    return Mail(severity, subject, "\n".join(_lines(content)))


def _lines(content: Content) -> Iterator[str]:
    yield from _labelled("What happened", [content.happened])
    yield from _labelled("Since", [content.since] if content.since else [])
    yield from _labelled("Evidence", _first(content.evidence, EVIDENCE_LINES))
    yield from _labelled("Automatically", [content.done])
    if content.steps:
        yield ""
        yield from _labelled("What to do", content.steps[:STEP_LINES])
    if content.links:
        yield ""
        for link in content.links[:LINK_LINES]:
            yield from _labelled(link.label, [link.target])


def _labelled(label: str, texts: Sequence[str]) -> Iterator[str]:
    """Lines of one subject: the label stands before the first. No columns: a phone would break them."""
    for position, text in enumerate(texts):
        mark = "- " if position else f"{label}: "
        yield f"{mark}{cut(without_secrets(text), LINE_CHARACTERS - len(mark))}"


def _first(texts: Sequence[str], most: int) -> Sequence[str]:
    """The first lines, the last of which says how many more there are."""
    there = [text for text in texts if plain(text)]
    if len(there) <= most:
        return there
    return [*there[: most - 1], f"{there[most - 1]} (and {len(there) - most} more)"]


def short(version: object) -> str:
    """A model version by its time, for a subject, which its whole name would fill.

    Examples
    --------
    >>> short("20260301T030102Z-7c55e1b4-9e3b21f0"), short("v1")
    ('20260301T030102Z', 'v1')
    """
    return str(version).partition("-")[0]


def plain(text: str) -> str:
    """Text in one line, as a mail can carry it: without control characters, halves of characters, and Markdown.

    Examples
    --------
    >>> plain("two\\nlines, **bold** and `code`\\x00 \\ud800 end")
    'two lines, bold and code end'
    """
    kept = (" " if unicodedata.category(each).startswith(("C", "Zl", "Zp")) else each for each in text)
    return " ".join("".join(kept).replace("**", "").replace("`", "").split())


def cut(text: str, most: int) -> str:
    """`plain` text of at most so many characters, as UTF-16 counts them; what is cut off shows as an ellipsis.

    It is cut between words, unless a third of it would be lost.

    Examples
    --------
    >>> cut("short", 10), cut("much too long", 11), cut("x" * 12, 10)
    ('short', 'much too …', 'xxxxxxxxx…')
    """
    line = plain(text[: 4 * most])
    if len(text) <= 4 * most and _length(line) <= most:
        return line
    while _length(line) > most - 1:
        line = line[:-1]
    words = line.rpartition(" ")[0]
    return f"{words} …" if 3 * len(words) > 2 * most else f"{line}…"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2

"""The skeleton of all pages: one file without scripts or external resources, light and dark, phone and desktop.

Text is escaped; content is HTML that the caller has made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

WIDE, PANEL, NARROW = 1040.0, 500.0, 380.0
"""Widths that pictures are drawn for: across the page, two beside each other, and on a phone."""

NO_SCRIPTS = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser is to allow a page: its own styles, and nothing that runs or is fetched."""

Draw = Callable[[float], str]


def whole(title: str, content: str, *, styles: Iterable[str] = (), policy: str = NO_SCRIPTS) -> str:
    """A page as one file.

    Parameters
    ----------
    title : text, of the browser's tab.
    content : HTML, of the page's main part.
    styles : names of style sheets in this package that follow the shared one.
    policy : what the page may load and run.

    Examples
    --------
    >>> page = whole("a & b", section("What came", "Two files.", "<p>…</p>"))
    >>> "<title>a &amp; b</title>" in page, "://" in page
    (True, False)
    """
    sheets = (files("contender.reports").joinpath(name).read_text(encoding="utf-8") for name in ("pages.css", *styles))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{''.join(sheets)}</style>\n</head>\n<body>\n<main>\n{content}"
        "</main>\n</body>\n</html>\n"
    )


def header(eyebrow: str, headline: str, content: str = "") -> str:
    """The page's beginning: what it is about (HTML), its headline (text), and what follows it (HTML)."""
    title = escape(headline).replace(" %", "\N{NO-BREAK SPACE}%")
    return f'<header><p class="eyebrow">{eyebrow}</p><h1>{title}</h1>{content}</header>'


def section(title: str, said: str, content: str) -> str:
    """A heading and an introduction (text, may be empty), then content (HTML); nothing where there is no content.

    Examples
    --------
    >>> section("Drift", "", "<p>none</p>")
    '<section><h2>Drift</h2><p>none</p></section>'
    >>> section("Drift", "How far each feature moved.", "")
    ''
    """
    if not content:
        return ""
    sentence = f'<p class="said">{escape(said)}</p>' if said else ""
    return f"<section><h2>{escape(title)}</h2>{sentence}{content}</section>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, css: str = "") -> str:
    """A table, which scrolls horizontally on narrow screens; nothing where there are no rows.

    Parameters
    ----------
    columns : headings, text.
    rows : cells, HTML; the first of a row is its heading.
    css : "figures" sets all but the first column to the right and keeps them on one line.

    Examples
    --------
    >>> '<th scope="row">EWR</th><td>1,204</td>' in table(["slice", "rows"], [["EWR", "1,204"]])
    True
    """
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in rows
    )
    named = f' class="{css}"' if css else ""
    return f'<div class="scroll"><table{named}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(caption: str, content: str) -> str:
    """A picture below its caption, both HTML."""
    return f"<figure><figcaption>{caption}</figcaption>{content}</figure>"


def panels(figures: Sequence[str], *, css: str = "") -> str:
    """Figures in two columns, with the class "columns" in three; fewer on narrow screens."""
    return f'<div class="{f"panels {css}".strip()}">{"".join(figures)}</div>' if figures else ""


def badge(tone: str, text: str) -> str:
    """A state or a verdict (text) in the colour of its tone: good, bad, unsure or calm.

    Examples
    --------
    >>> badge("bad", "✕ in alarm")
    '<span class="verdict bad">✕ in alarm</span>'
    """
    return f'<span class="verdict {escape(tone)}">{escape(text)}</span>'


def fields(values: Mapping[str, str]) -> str:
    """Names (text) with their values (HTML), without those that have none."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in values.items() if value)
    return f'<dl class="fields">{shown}</dl>' if shown else ""


def details(summary: str, content: str, *, opened: bool = False) -> str:
    """HTML that is folded under its summary (text); nothing where there is none."""
    if not content:
        return ""
    return f"<details{' open' if opened else ''}><summary>{escape(summary)}</summary>{content}</details>"


def both(draw: Draw, *, wide: float = WIDE) -> str:
    """A picture for wide and one for narrow screens, with text of the same size on both.

    `draw` makes the SVG for a width, with the class that `size` names.
    """
    return draw(wide) + draw(NARROW)


def size(width: float) -> str:
    """The class of a picture that is shown only where it fits."""
    return "narrow" if width == NARROW else "wide"


def count(number: int, thing: str) -> str:
    """
    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """A reason as a full sentence.

    Examples
    --------
    >>> sentence("there is no data yet")
    'There is no data yet.'
    """
    text = text.strip()
    first = text.partition(" ")[0]
    if first.isalpha():  # a name of a file or of a column stays as it is
        text = f"{first[:1].upper()}{first[1:]}{text[len(first) :]}"
    return f"{text}{'' if text.endswith(('.', '!', '?')) else '.'}"


def signed(value: float, places: int = 4) -> str:
    """With a sign (a real minus); zero has none.

    Examples
    --------
    >>> signed(0.01234), signed(-0.5, 1), signed(-0.00001)
    ('+0.0123', '−0.5', '0')
    """
    if round(value, places) == 0:
        return "0"
    return f"{value:+.{places}f}".replace("-", "−")

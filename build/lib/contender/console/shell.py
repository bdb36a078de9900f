"""The frame of the pages: navigation, headline, trouble. Pages work without scripts; a small one adds keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from urllib.parse import quote

from contender.reports.html import NO_SCRIPTS, header, whole

STYLES = ("small_charts.css", "run_page.css", "console.css")
POLICY = f"{NO_SCRIPTS}; script-src 'self'"
"""Beside the pages' own sheet the server's script; the server's header narrows it further."""

PAGES: Mapping[str, str] = {
    "executions": "Executions",
    "runs": "Runs",
    "champions": "Champions",
    "drift": "Drift",
    "live": "Live metrics",
    "alarms": "Alarms",
    "dashboard": "Dashboard",
}
"""Of a pipeline: the last part of the path, and what it is called."""


@dataclass(frozen=True)
class Site:
    """What the console shows: an environment's pipelines.

    Attributes
    ----------
    others : pages of the environment beside those of its pipelines: path and title.
    """

    environment: str
    pipelines: tuple[str, ...]
    others: Mapping[str, str]


def address(*parts: str, **query: str) -> str:
    """A path on this server.

    Examples
    --------
    >>> address("shop", "runs", q="a b")
    '/shop/runs?q=a%20b'
    """
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return f"{path}?{asked}" if asked else path


def link(href: str, text: str, *, css: str = "") -> str:
    """A link with an escaped text."""
    named = f' class="{css}"' if css else ""
    return f'<a href="{escape(href)}"{named}>{escape(text)}</a>'


def entry(href: str, text: str, *, current: bool) -> str:
    """An entry of a navigation."""
    marked = ' aria-current="page"' if current else ""
    return f'<li><a href="{escape(href)}"{marked}>{escape(text)}</a></li>'


def console_page(
    site: Site,
    headline: str,
    content: str,
    *,
    pipeline: str = "",
    here: str = "",
    about: str = "",
    lead: str = "",
    styles: Sequence[str] = (),
) -> str:
    """A page of the console.

    Parameters
    ----------
    content : HTML.
    pipeline, here : which entry of the navigation the page belongs to.
    about : HTML above the headline.
    lead : HTML below it.
    styles : further sheets of `contender.reports`.
    """
    top = header(about or escape(f"Contender · {site.environment}"), headline, lead)
    title = " · ".join(filter(None, (headline, pipeline, site.environment)))
    script = '<script src="/keys.js"></script>\n'
    body = f"{_navigation(site, pipeline, here)}{top}{content}{script}"
    return whole(title, body, styles=dict.fromkeys((*STYLES, *styles)), policy=POLICY)


def keys() -> str:
    """The script: j and k or the arrows go from row to row, / to the filter."""
    return files("contender.console").joinpath("keys.js").read_text(encoding="utf-8")


def trouble_page(site: Site, headline: str, said: str, commands: Sequence[str] = ()) -> str:
    """A page that says what is wrong and what to type."""
    typed = "".join(f'<p><code class="command">{escape(command)}</code></p>' for command in commands)
    return console_page(site, headline, f'<section><p class="lead">{escape(said)}</p>{typed}</section>')


def filter_form(asked: str, *, what: str, kept: Mapping[str, str] | None = None) -> str:
    """A field that filters the page's rows by a text; `kept` are parameters that stay."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in (kept or {}).items()
    )
    return (
        f'<form class="filter" method="get" role="search">{hidden}<label>Filter {escape(what)} '
        f'<input type="search" name="q" value="{escape(asked)}"></label><button>Filter</button></form>'
    )


def moment(at: datetime | str | None) -> str:
    """A time for people, to the second, in UTC.

    Examples
    --------
    >>> moment("2026-11-29T21:27:10.123+01:00"), moment(None)
    ('2026-11-29 20:27:10', '')
    """
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return str(at)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else ""


def _navigation(site: Site, pipeline: str, here: str) -> str:
    first = [entry("/", "Overview", current=here == "overview")]
    first += [
        entry(address(name, here if here in PAGES else "executions"), name, current=name == pipeline)
        for name in site.pipelines
    ]
    first += [entry(path, title, current=path == f"/{here}") for path, title in site.others.items()]
    second = [entry(address(pipeline, name), text, current=name == here) for name, text in PAGES.items()]
    lists = "".join(f"<ul>{''.join(entries)}</ul>" for entries in (first, second if pipeline else ()) if entries)
    return f'<nav aria-label="Console">{lists}</nav>'

"""A dashboard as one page: a file without scripts or external resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from contender.dashboard.body import DashboardBody
from contender.dashboard.sources import Sources
from contender.dashboard.span import Span
from contender.dashboard.widgets import STYLES, widget_html
from contender.reports.html import whole


@dataclass(frozen=True)
class Dashboard:
    """A dashboard with what its widgets ask."""

    name: str
    body: DashboardBody
    sources: Sources


def dashboard_page(dashboards: Sequence[Dashboard], span: Span) -> str:
    """All widgets, in the order and the widths of each dashboard, one dashboard below the other.

    Raises
    ------
    InvalidInputError
        When a widget cannot be drawn here.
    """
    start, end = (datetime.fromtimestamp(each, UTC) for each in (span.start, span.end))
    shown = f"{start.day} {start:%b %Y %H:%M} to {end.day} {end:%b %Y %H:%M} UTC"
    content = "".join(
        f'<header><p class="eyebrow">Dashboard, {shown}</p><h1>{escape(each.name)}</h1></header>'
        f'<div class="dashboard">{dashboard_widgets(each, span)}</div>'
        for each in dashboards
    )
    return whole(", ".join(each.name for each in dashboards), content, styles=STYLES)


def dashboard_widgets(dashboard: Dashboard, span: Span) -> str:
    """The widgets alone, for a page that has its own frame and the sheets `STYLES`."""
    placed = sorted(dashboard.body.widgets, key=lambda widget: (widget.place.y, widget.place.x))
    return "".join(
        widget_html(widget, dashboard.sources, span, identity=f"{dashboard.name}-{position}", dashboard=dashboard.name)
        for position, widget in enumerate(placed)
    )

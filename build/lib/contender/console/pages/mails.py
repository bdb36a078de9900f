"""The mails that the local cloud would have sent, as on-call would get them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

from contender.console.shell import Site, console_page, moment


class Mail(Protocol):
    """A mail, as `localcloud.mail` reads it."""

    @property
    def subject(self) -> str:
        """One line."""

    @property
    def body(self) -> str:
        """Text, of several lines."""

    @property
    def time(self) -> str:
        """When it was published, ISO 8601, UTC."""


def mails_page(site: Site, mails: Sequence[Mail]) -> str:
    """The newest mail first."""
    shown = "".join(
        f'<section><h2>{escape(mail.subject)}</h2><p class="said">{escape(moment(mail.time))} UTC</p>'
        f'<pre class="whole">{escape(mail.body.rstrip())}</pre></section>'
        for mail in reversed(mails)
    )
    empty = "<p>No mail so far. Runs that promote a model or need a person send one.</p>"
    return console_page(site, "Mails", shown or empty, here="mails")

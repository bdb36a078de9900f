"""Times as mails write them: always UTC, and never without saying so."""

from __future__ import annotations

from datetime import UTC, datetime

from contender.formatting import duration


def read_time(text: str) -> datetime | None:
    """A time as AWS and records write it; None for what is none. Without a zone it is UTC.

    Examples
    --------
    >>> read_time("2023-08-04T12:36:15.490+0000"), read_time("now")
    (datetime.datetime(2023, 8, 4, 12, 36, 15, 490000, tzinfo=datetime.timezone.utc), None)
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def moment(time: str | datetime) -> str:
    """A time of day with its date.

    Examples
    --------
    >>> moment("2026-03-01T03:04:59Z"), moment("now")
    ('03:04 UTC on 1 March 2026', 'now')
    """
    found = read_time(time) if isinstance(time, str) else time
    return str(time) if found is None else f"{clock(found)} on {found.day} {found:%B %Y}"


def clock(time: datetime) -> str:
    """
    >>> clock(datetime(2026, 3, 1, 3, 4, 59, tzinfo=UTC))
    '03:04 UTC'
    """
    return f"{time.astimezone(UTC):%H:%M} UTC"


def since(start: datetime, now: datetime) -> str:
    """When something began, and how long ago that is.

    Examples
    --------
    >>> since(datetime(2026, 3, 1, 3, 4, tzinfo=UTC), datetime(2026, 3, 1, 3, 9, tzinfo=UTC))
    '03:04 UTC on 1 March 2026, for 5 min'
    """
    lasted = (now - start).total_seconds()
    return moment(start) + (f", for {duration(lasted)}" if lasted >= 60 else "")

"""SendDigest: the weekly mail about the runs that no other mail told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contender.errors import NotFoundError
from contender.mails.digest import WEEK, digest_mail
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.ports import Ledger, Objects, SentMail, SentMails
from contender.workflow.run_folder import DRIFT, RunFolder

DIGEST = "weekly-digest"
"""What the table of sent mails calls it."""
MOST_RUNS = 1000


def send_digest(
    ledger: Ledger,
    sent: SentMails,
    data: Objects,
    place: Place,
    *,
    until: datetime,
    request_id: str,
    publish: Callable[[Mail], None],
) -> str:
    """Mail the week before `until`, once.

    Parameters
    ----------
    until : when the schedule called, with its zone; a repeated call has the same.

    Returns
    -------
    The subject; empty where no run began in that week, or the mail was sent before.
    """
    claim = SentMail(DIGEST, "INFO", until.isoformat(), request_id)
    if sent.claim(place.pipeline, claim, now=until) != "mine":
        return ""
    runs = ledger.runs(place.pipeline, limit=MOST_RUNS)
    history = ledger.promotions(place.pipeline)
    mail = digest_mail(
        runs,
        sent.mails(place.pipeline),
        place,
        until=until,
        champion=str(history[0]["champion"]) if history else "",
        waiting=_waiting(runs, data, place, until),
    )
    if mail is None:
        return ""
    publish(mail)
    sent.settle(place.pipeline, claim)
    return mail.subject


def _waiting(runs: Sequence[Mapping[str, Any]], data: Objects, place: Place, until: datetime) -> str:
    """What waiting costs, as the newest run of the week found it that looked."""
    for run in runs:
        if datetime.fromisoformat(str(run["started_at"])) < until - WEEK:
            return ""
        try:
            decided = RunFolder(data, place.pipeline, str(run["run_id"])).read(DRIFT).get("training") or {}
        except NotFoundError:
            continue
        if decided.get("reason"):
            return str(decided["reason"])
    return ""

"""The weekly digest: what the runs of a week came to, for those that no other mail told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from contender.formatting import counted, minus
from contender.mails.mail import Content, Mail
from contender.mails.place import Place
from contender.mails.times import moment, read_time
from contender.ports import SentMail
from contender.stats.metric_titles import title_of

WEEK = timedelta(days=7)
LISTED = 3
"""Promotions that are named one by one."""


def digest_mail(
    runs: Sequence[Mapping[str, Any]],
    mails: Sequence[SentMail],
    place: Place,
    *,
    until: datetime,
    champion: str,
    waiting: str = "",
) -> Mail | None:
    """The mail about the week before `until`; None where no run ended in it.

    Parameters
    ----------
    runs, mails : of any time; those of the week are taken.
    champion : the model version that serves; empty where none does.
    waiting : what waiting costs and what a training does, as the newest run found it.
    """
    week = [run for run in runs if _within(str(run["started_at"]), until)]
    if not week:
        return None
    verdicts = Counter(str(run["verdict"]).replace("_", " ") for run in week)
    said = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common())
    content = Content(
        fact=f"{counted(len(week), 'run')} in a week: {said}",
        happened="The figures of a week of training. Nothing is wrong, and nobody has to answer.",
        since=f"{moment(until - WEEK)}, until {moment(until)}",
        evidence=[_promotions(week), waiting, f"{_spend(week)}{_alarms(mails, place, until)}"],
        done=f"Model version {champion} serves." if champion else "No model version serves yet.",
        steps=[f"Read the runs: {place.command('runs')}"],
        links=[place.dashboard()],
    )
    return place.mail(content, "info")


def _within(time: str, until: datetime) -> bool:
    found = read_time(time)
    return found is not None and until - WEEK <= found < until


def _promotions(week: Sequence[Mapping[str, Any]]) -> str:
    promoted = [run for run in week if run["verdict"] == "promoted"]
    if not promoted:
        return "No model version was promoted."
    named = [f"{run.get('challenger') or run.get('champion_after')}{_difference(run)}" for run in promoted[:LISTED]]
    more = len(promoted) - len(named)
    return f"Promoted {', '.join(named)}" + (f" and {more} more." if more else ".")


def _difference(run: Mapping[str, Any]) -> str:
    """
    >>> _difference({"metric": "auc", "difference": 0.0123, "low": 0.004, "high": 0.02})
    ' (AUC +0.0123, 0.004 to 0.02)'
    """
    if run.get("difference") is None:
        return ""
    low, high = run.get("low"), run.get("high")
    between = f", {minus(f'{low:.3g}')} to {minus(f'{high:.3g}')}" if low is not None and high is not None else ""
    sign = "+" if run["difference"] > 0 else ""
    return f" ({title_of(str(run.get('metric') or ''))} {sign}{minus(format(run['difference'], '.3g'))}{between})"


def _spend(week: Sequence[Mapping[str, Any]]) -> str:
    known = [float(run["usd"]) for run in week if run.get("usd") is not None]
    return f"Runs cost ${sum(known):,.2f}. " if known else ""


def _alarms(mails: Sequence[SentMail], place: Place, until: datetime) -> str:
    told = (mail for mail in mails if mail.state == "ALARM" and mail.subject and _within(mail.at, until))
    rang = Counter(mail.alarm.removeprefix(f"{place.name}-") for mail in told)
    if not rang:
        return "No alarm rang."
    return "Alarms: " + ", ".join(f"{alarm} {number} ×" for alarm, number in rang.most_common()) + "."

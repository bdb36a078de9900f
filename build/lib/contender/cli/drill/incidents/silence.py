"""Incidents in which something does not come: uploads, labels, the log's consumer, money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contender.cli.drill.faults import days, traffic
from contender.cli.drill.incident import Expected
from contender.cli.drill.incidents.plan import DAY, Incident, every, several
from contender.cli.drill.incidents.serving import callers
from contender.cli.drill.scene import Scene
from contender.cli.drill.shop import visits
from contender.errors import ContenderError


def _nothing_comes(_: Scene) -> None:
    """The producer is silent by itself."""


PRODUCER_SILENT = Incident(
    "producer-silent",
    "No upload comes, though one is expected each day.",
    Expected("data-stopped", "ticket", 15.0),
    prepare=Scene.first_champion,
    strike=_nothing_comes,
    sections="\n[alarms]\nexpects_uploads_every_hours = 24\n",
    looks=every(5.0, DAY - 10.0, DAY + 20.0),
    due_minutes=DAY,
)


def _stop_keeping(scene: Scene) -> None:
    traffic.stop_keeping(scene.bench)
    traffic.ask(scene.bench, callers())


LOG_STUCK = Incident(
    "log-stuck",
    "Nothing takes messages out of the prediction log's queue.",
    Expected("queue-age", "ticket", 15.0),
    prepare=Scene.first_champion,
    strike=_stop_keeping,
)


LABELLED_DAYS, UNLABELLED_DAYS = 9, 2
"""Labels are compared with those of the week before: that takes eight days."""


def _labels_that_stop(scene: Scene) -> None:
    days_of_traffic = LABELLED_DAYS + UNLABELLED_DAYS
    records = days.logged(scene.bench, days.visitors(), days.hours(datetime.now(UTC), 24 * days_of_traffic))
    days.send_to_log(scene.bench, records)
    days.keep(scene.bench)
    labelled = records[: 24 * LABELLED_DAYS - 1]
    days.send_labels(scene.bench, labelled, days.truth(labelled, days.visitors()), after=timedelta(hours=1))
    days.keep(scene.bench)


LABELS_STOP = Incident(
    "labels-stop",
    "Predictions go on, but no more labels come.",
    Expected("labels-stopped", "ticket", 1.5 * DAY),
    prepare=Scene.first_champion,
    strike=_labels_that_stop,
    sections="\n[alarms]\nexpects_uploads_every_hours = 0\n",
    looks=several(*(days_on * DAY for days_on in (LABELLED_DAYS, LABELLED_DAYS + 1, LABELLED_DAYS + 1.5))),
    due_minutes=LABELLED_DAYS * DAY,
)


BUDGET_USD = 0.007
"""A run that trains costs $0.003 by the list prices: one is far below 80 % of it, three are above."""
MOST_TRAININGS = 5


def _spend(scene: Scene) -> None:
    for number in range(1, MOST_TRAININGS + 1):
        rows = visits(20 * number, shift=3.0 * number, turned=number % 2 == 1)
        record = scene.has_ended(scene.upload(f"spending-{number}.csv", rows))
        if "budget" in record["reason"]:
            return
    raise ContenderError(f"training was to stop at {BUDGET_USD} dollars, but {MOST_TRAININGS} went on")


def _still_answers(scene: Scene) -> str:
    """Training has stopped where the incident could be played."""
    return "" if traffic.ask(scene.bench, callers()).errors else "training stopped, serving goes on"


OVER_BUDGET = Incident(
    "over-budget",
    "The month's spending exceeds the budget.",
    Expected("spend-high", "ticket", 15.0, heals="no more training, serving goes on"),
    prepare=Scene.first_champion,
    strike=_spend,
    healed=_still_answers,
    sections=f"\n[budget]\nmonth_usd = {BUDGET_USD}\n",
)

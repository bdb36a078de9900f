"""The weekly digest: the week's runs and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from contender.mails.digest import digest_mail
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.ports import SentMail

HERE = Place("prod", "shop", "contender-prod", "eu-west-1", "111122223333")
MONDAY = datetime(2026, 3, 9, 7, tzinfo=UTC)


def run(verdict: str, days_ago: float, **more: Any) -> dict[str, Any]:
    return {"run_id": "r", "started_at": (MONDAY - timedelta(days=days_ago)).isoformat(), "verdict": verdict, **more}


def digest(*runs: dict[str, Any], mails: tuple[SentMail, ...] = (), **more: Any) -> Mail | None:
    return digest_mail(runs, mails, HERE, until=MONDAY, champion="v2", **more)


def test_a_week_in_one_mail() -> None:
    rang = SentMail("contender-prod-shop-loop-stuck", "ALARM", "2026-03-05T00:00:00+00:00", "c", subject="s")
    mail = digest(
        run("promoted", 1, challenger="v2", metric="auc", difference=0.0123, low=-0.004, high=0.02, usd=0.02),
        run("skipped", 2, usd=0.0),
        run("skipped", 6.9),
        run("rolled_back", 7.1),
        mails=(rang, rang, SentMail("a", "OK", rang.at, "c", subject="over")),
        waiting="Waiting costs about 0.0014 log loss a week.",
    )
    assert mail is not None
    assert (mail.severity, mail.subject) == ("info", "[info] prod shop: 3 runs in a week: 2 skipped, 1 promoted")
    assert mail.body.split("\n")[:6] == [
        "What happened: The figures of a week of training. Nothing is wrong, and nobody has to answer.",
        "Since: 07:00 UTC on 2 March 2026, until 07:00 UTC on 9 March 2026",
        "Evidence: Promoted v2 (AUC +0.0123, −0.004 to 0.02).",
        "- Waiting costs about 0.0014 log loss a week.",
        "- Runs cost $0.02. Alarms: loop-stuck 2 ×.",
        "Automatically: Model version v2 serves.",
    ]


def test_a_week_without_a_run_is_worth_no_mail() -> None:
    assert digest() is None
    assert digest(run("skipped", 7.1), run("promoted", -0.1)) is None


def test_many_promotions_are_counted_and_none_is_said() -> None:
    many = digest(*(run("promoted", 1, champion_after=f"v{number}") for number in range(5)))
    none = digest(run("retained", 1))
    assert many is not None
    assert "Promoted v0, v1, v2 and 2 more." in many.body
    assert none is not None
    assert "No model version was promoted.\n- No alarm rang." in none.body

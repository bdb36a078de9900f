"""What counts as an incident that went as it must."""

from __future__ import annotations

import pytest

from contender.cli.drill.incident import Expected, Ring, Seen, Severity, Told, problems

PAGE = Expected("champion-fails", "page", 5.0, heals="rolled back")


def mail(severity: Severity = "page", minutes: float = 2.0) -> Told:
    return Told(severity, f"[{severity}] prod shop", "", minutes)


def test_the_right_alarm_in_time_with_one_mail_and_healed_is_fine() -> None:
    assert problems(PAGE, Seen([Ring("champion-fails", 5.0)], [mail()], "rolled back")) == []


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (Seen([], [mail()], "rolled back"), "champion-fails must ring within 5 minutes, but did not"),
        (Seen([Ring("slow-burn", 1.0)], [mail()], "rolled back"), "champion-fails must ring within"),
        (Seen([Ring("champion-fails", 6.0)], [mail()], "rolled back"), "but rang after 6"),
        (Seen([Ring("champion-fails", 2.0)], [], "rolled back"), "brings one mail, but there were 0"),
        (Seen([Ring("champion-fails", 2.0)], [mail(), mail()], "rolled back"), "one page at most, but there were 2"),
        (Seen([Ring("champion-fails", 2.0)], [mail(), mail("ticket")], "rolled back"), "one mail, but there were 2"),
        (Seen([Ring("champion-fails", 2.0)], [mail("ticket")], "rolled back"), "must be a page, but was a ticket"),
        (Seen([Ring("champion-fails", 2.0)], [mail(minutes=9.0)], "rolled back"), "must come within 5 minutes"),
        (Seen([Ring("champion-fails", 2.0)], [mail()]), "must heal by itself (rolled back)"),
        (Seen([Ring("champion-fails", 2.0)], [mail()], "rolled back", ["it rings on"]), "it rings on"),
    ],
)
def test_each_thing_that_is_wrong_is_said(seen: Seen, problem: str) -> None:
    assert any(problem in found for found in problems(PAGE, seen))


def test_where_nobody_is_to_be_told_a_mail_is_wrong() -> None:
    silent = Expected("", None, 60.0)
    assert problems(silent, Seen()) == []
    assert "nobody was to be told" in problems(silent, Seen([], [mail("ticket")]))[0]


def test_a_mail_alone_may_be_what_tells() -> None:
    poison = Expected("", "ticket", 1.0)
    assert problems(poison, Seen([], [mail("ticket", minutes=0.2)])) == []
    assert problems(poison, Seen([], [mail("ticket", minutes=1.5)])) != []

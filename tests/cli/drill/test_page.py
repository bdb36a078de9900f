"""A drill as a page: what rang and when, and the mails as on-call got them."""

from __future__ import annotations

from contender.cli.drill.incident import Expected, Result, Ring, Seen, Told
from contender.cli.drill.page import drill_page

PAGE = Told("page", "[page] local shop: 50 % of predictions fail", "What happened: <b>It</b> fails.", 2.0)
OVER = Told("page", "[over] local shop: ended", "What happened: This is over.", 9.0)


def result(problems: list[str]) -> Result:
    seen = Seen([Ring("champion-fails", 2.0)], [PAGE], "rolled back", (), [OVER])
    expected = Expected("champion-fails", "page", 5.0)
    return Result("champion-5xx", "The champion answers with a 5xx.", expected, seen, problems, 30.0)


def test_each_incident_has_its_alarm_its_time_and_its_mails_in_the_order_in_which_they_came() -> None:
    page = drill_page([result([])], 371.4)
    assert "1 of 1 incidents went as they must" in page
    assert "champion-fails after 2 min (≤ 5 min); rolled back" in page
    assert page.index(PAGE.subject) < page.index(OVER.subject)
    assert "What happened: &lt;b&gt;It&lt;/b&gt; fails." in page
    assert "9 min after the fault, to the topic page" in page


def test_what_is_wrong_is_said() -> None:
    page = drill_page([result(["an incident brings one mail, but there were 2"])], 1.0)
    assert "0 of 1 incidents" in page
    assert "an incident brings one mail, but there were 2" in page

"""The newest runs as a table, with their verdicts, reasons and links, and the state of things in two sentences."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from contender.dashboard.recent_runs import runs_table, summary
from contender.dashboard.run_links import RunLinks, log_query
from contender.mails.place import Place

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PLACE = Place("prod", "shop", "contender-prod", "eu-west-1", "123456789012")
LINKS = RunLinks(PLACE, "data", ("/aws/a", "b"))
HOSTILE = '<script>alert("1")</script>'


def record(**more: Any) -> dict[str, Any]:
    return {
        "run_id": "run-7",
        "verdict": "failed",
        "reason": "no memory",
        "source_key": "incoming/shop/may.csv",
        "trigger": "upload",
        "started_at": "2026-05-01T10:00:00+00:00",
        "seconds": 1800.0,
        "rollback": None,
        "challenger": None,
    } | more


def test_a_row_has_when_the_run_ended_its_file_verdict_reason_and_links() -> None:
    table = runs_table([record()], LINKS, NOW)
    assert 'title="2026-05-01 10:30 UTC">1 h 30 min ago<' in table
    assert "<td>may.csv</td>" in table
    assert '<td class="verdict failed">failed</td>' in table
    assert 'title="no memory">no memory</td>' in table
    assert re.findall(r'<a href="https://[^"]+"[^>]*>(\w+)</a>', table) == ["execution", "report", "log"]


def test_a_run_without_a_file_has_its_trigger_in_the_place_of_one() -> None:
    assert "<td>schedule</td>" in runs_table([record(source_key=None, trigger="schedule")], LINKS, NOW)


def test_ten_runs_are_shown_at_most_and_of_none_it_is_said() -> None:
    assert runs_table([record()] * 12, LINKS, NOW).count("<tr>") == 11
    assert runs_table([], LINKS, NOW) == "<p>No run has ended yet.</p>"


def test_what_others_wrote_is_escaped_and_cut() -> None:
    hostile = record(reason=HOSTILE + "x" * 900, source_key=f"incoming/shop/{HOSTILE}", verdict=HOSTILE, run_id=HOSTILE)
    for html in (runs_table([hostile], LINKS, NOW), summary([hostile], [change(reason=HOSTILE, kind=HOSTILE)], NOW)):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
    shown = re.sub(r'title="[^"]*"', "", runs_table([hostile], LINKS, NOW))
    assert "x" * 250 not in shown


def test_links_lead_to_the_execution_the_report_and_the_logs() -> None:
    (_, execution), (_, report), (_, log) = LINKS.of(record())
    console = "https://eu-west-1.console.aws.amazon.com"
    arn = "arn:aws:states:eu-west-1:123456789012:execution:contender-prod-shop-continuous-training:run-7"
    assert execution == f"{console}/states/home?region=eu-west-1#/v2/executions/details/{arn}"
    assert report == f"{console}/s3/object/data?region=eu-west-1&prefix=runs/shop/run-7/report.html"
    assert log.startswith(
        f"{console}/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D~(end~'2026"
    )
    assert log.endswith("~source~(~'*2faws*2fa~'b))")
    assert "2026-05-01T09*3a55*3a00.000Z" in log
    assert "run-7" in log


def test_a_rollback_by_a_person_or_an_alarm_is_an_execution_of_the_other_machine() -> None:
    (_, execution), *_ = LINKS.of(record(rollback="rolled_back"))
    assert ":execution:contender-prod-shop-rollback:run-7" in execution
    (_, execution), *_ = LINKS.of(record(rollback="rolled_back", challenger="v2"))
    assert ":execution:contender-prod-shop-continuous-training:run-7" in execution


def test_a_query_is_written_into_an_address_as_the_console_writes_it() -> None:
    """The address is one that somebody copied from the console, of 30 May 2025, without its id of a saved query."""
    query = "fields @timestamp, @message, logStream, log\n| sort @timestamp desc\n| limit 10000"
    start, end = datetime(2025, 5, 30, 4, tzinfo=UTC), datetime(2025, 5, 30, 5, tzinfo=UTC)
    assert log_query(query, ["prod-logs"], start, end) == (
        "#logsV2:logs-insights$3FqueryDetail$3D~(end~'2025-05-30T05*3a00*3a00.000Z~start~'2025-05-30T04*3a00*3a00.000Z"
        "~timeType~'ABSOLUTE~tz~'UTC~editorString~'fields*20*40timestamp*2c*20*40message*2c*20logStream*2c*20log*0a*7c"
        "*20sort*20*40timestamp*20desc*0a*7c*20limit*2010000~source~(~'prod-logs))"
    )


def test_on_the_local_cloud_a_command_stands_in_the_place_of_links() -> None:
    links = RunLinks(Place("local", "shop"), "data", ())
    assert "<code>contender show run-7 --open</code>" in runs_table([record()], links, NOW)


def change(**more: Any) -> dict[str, Any]:
    return {"kind": "promotion", "champion": "v2", "swapped_at": "2026-04-28T12:00:00+00:00", "reason": "better"} | more


def test_the_summary_says_what_the_last_run_came_to_and_what_changed_last() -> None:
    assert summary([record(verdict="promoted", reason="AUC +0.02")], [change()], NOW) == (
        "<p><b>Last run: promoted</b>, 1 h 30 min ago. AUC +0.02</p>"
        "<p><b>Last change: promotion</b>, 3 days ago. The champion is v2. better</p>"
    )


def test_the_summary_counts_failures_in_a_row() -> None:
    records = [record(), record(), record(verdict="retained"), record()]
    assert "<b>Last run: failed, 2 in a row</b>" in summary(records, [], NOW)


def test_of_a_new_pipeline_the_summary_says_that_nothing_happened_yet() -> None:
    assert summary([], [], NOW) == "<p>No run has ended yet.</p><p>No model version serves yet.</p>"

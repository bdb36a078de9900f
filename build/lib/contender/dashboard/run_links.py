"""Where to look a run up: in the AWS console, or for the local cloud the command that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from contender.mails.place import LOCAL, TRAINING, Place
from contender.pulse.runs import ended_at
from contender.workflow.run_folder import REPORT_PAGE

WHY_A_RUN_FAILED = (
    "fields @timestamp, coalesce(details.name, service, type) as state, coalesce(details.error, level) as error, "
    "coalesce(details.cause, exception, message) as cause\n"
    "| filter {run}(ispresent(details.error) or level in ['ERROR', 'CRITICAL'])\n"
    "| sort @timestamp asc\n"
    "| limit 100"
)
"""A query of the logs of machine and functions: the states that failed, and what functions say of it."""
WHICH_REQUESTS_FAILED = (
    "fields @timestamp, routeKey, status, requestId, coalesce(integrationError, exception, message) as cause\n"
    "| filter status >= 500 or level in ['ERROR', 'CRITICAL']\n"
    "| sort @timestamp desc\n"
    "| limit 100"
)
"""A query of the API's access log and of the serving function's log, which has the same request's reason."""
ROLLBACK = "rollback"
_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class RunLinks:
    """Links of a pipeline's runs.

    Attributes
    ----------
    log_groups : of the state machines and of their functions.
    """

    place: Place
    data_bucket: str
    log_groups: tuple[str, ...]

    def of(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Names and addresses of what there is about a run; of the local cloud a command in the place of addresses."""
        run_id = str(record["run_id"])
        if self.place.environment == LOCAL:
            return [("show", self.place.show(run_id, more=" --open"))]
        machine = ROLLBACK if _was_a_rollback(record) else TRAINING
        return [
            ("execution", self.place.execution(run_id, machine=machine).target),
            ("report", self._report(run_id)),
            ("log", self._log(run_id, record)),
        ]

    def _report(self, run_id: str) -> str:
        key = f"runs/{self.place.pipeline}/{run_id}/{REPORT_PAGE}"
        return self._console(f"s3/object/{self.data_bucket}", f"&prefix={quote(key)}")

    def _log(self, run_id: str, record: Mapping[str, Any]) -> str:
        start = datetime.fromisoformat(str(record["started_at"])).astimezone(UTC)
        end = (ended_at(record) or start) + _MARGIN
        of_the_run = f"(execution_arn like /:{run_id}$/ or run_id = '{run_id}') and "
        return self._console("cloudwatch/home", log_query(
            WHY_A_RUN_FAILED.format(run=of_the_run), self.log_groups, start - _MARGIN, end
        ))  # fmt: skip

    def _console(self, page: str, rest: str) -> str:
        return f"https://{self.place.region}.console.aws.amazon.com/{page}?region={self.place.region}{rest}"


def log_query(query: str, log_groups: Sequence[str], start: datetime, end: datetime) -> str:
    """The part of an address of CloudWatch's console that opens a query of Logs Insights.

    The console writes objects as ``~(name~value)``, lists as ``(~value)``, and ``*`` for the percent sign.

    Examples
    --------
    >>> log_query("limit 1", ["/a"], datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))[:50]
    "#logsV2:logs-insights$3FqueryDetail$3D~(end~'2026-"
    """
    groups = "".join(f"~'{_coded(each)}" for each in log_groups)
    return (
        f"#logsV2:logs-insights$3FqueryDetail$3D~(end~'{_time(end)}~start~'{_time(start)}~timeType~'ABSOLUTE~tz~'UTC"
        f"~editorString~'{_coded(query)}~source~({groups}))"
    )


def _time(moment: datetime) -> str:
    return _coded(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z")


def _coded(text: str) -> str:
    return "".join(
        each if (each.isascii() and each.isalnum()) or each in "-." else f"*{each.encode().hex('*')}" for each in text
    )


def _was_a_rollback(record: Mapping[str, Any]) -> bool:
    """Whether it is a run of the machine that only rolls back: a run of the loop that does has a challenger."""
    return bool(record.get("rollback")) and not record.get("challenger")

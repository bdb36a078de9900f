"""What the console's pages show, read from an environment. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import localcloud.cloud
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.commands.live import counted, known_versions
from contender.cli.console_server.alarm_graphs import shown_alarms
from contender.cli.dashboards import find_dashboard, sources_of
from contender.cli.execution_view import events_of
from contender.cli.find_run import find, waiting_runs
from contender.cli.options import all_pipelines, project_root, workbench
from contender.cli.run_reports import run_report
from contender.console.executions import Execution, visits_of
from contender.console.log_lines import LogLine, lines_of_run
from contender.console.pages.alarms import ShownAlarm
from contender.console.pages.drift import Checked
from contender.console.pages.overview import PipelineNow
from contender.console.shell import Site
from contender.dashboard.page import dashboard_widgets
from contender.dashboard.span import OPENS_WITH, Span, opening_seconds
from contender.dashboard.widgets import widget_html
from contender.errors import ContenderError, NotFoundError
from contender.live.report import LiveStore
from contender.predictions.live_metrics import LiveCounts
from contender.registry.pointer import read_pointer, require_pointer
from contender.registry.versions import ModelRegistry
from contender.workflow.run_folder import DRIFT, RunFolder
from localcloud.alarms.local_alarms import records_file
from localcloud.alarms.records_file import read_alarms_state
from localcloud.mail import Mail, read_inbox

MOST_EXECUTIONS = 100
MOST_RUNS = 200
MOST_WINDOWS = 14
MOST_CHECKS = 30
"""Runs whose drift reports are read: each is an object in S3."""

MOST_LINES = 1_000
_AROUND = timedelta(seconds=10)
"""How much earlier and later than its state a function may have logged: clocks, and lines that are written late."""

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Gatherer:
    """Reads one environment.

    Every method raises ContenderError, or an error of boto3, when the environment cannot be read.
    """

    environment: str

    def site(self) -> Site:
        """The environment's pipelines and further pages."""
        others = {"/mails": "Mails"} if self.environment == LOCAL else {}
        return Site(self.environment, tuple(all_pipelines()), others)

    def bench(self, pipeline: str) -> Workbench:
        """One pipeline. Raises NotFoundError for a name without a pipeline file."""
        return workbench(pipeline, self.environment)

    def overview(self) -> list[PipelineNow]:
        """Each pipeline as it is now."""
        return [self._now(name) for name in all_pipelines()]

    def _now(self, pipeline: str) -> PipelineNow:
        bench = self.bench(pipeline)
        try:
            champion, lease = read_pointer(bench.models, pipeline), bench.ledger.lease(pipeline)
        except NotFoundError as error:
            return PipelineNow(pipeline, trouble=str(error))
        pointer = champion.pointer if champion else None
        return PipelineNow(
            pipeline,
            pointer.champion if pointer else "",
            pointer.swapped_at if pointer else "",
            lease.owner if lease else "",
            len(bench.ledger.pending_batches(pipeline)),
            bench.ledger.runs(pipeline, limit=5),
        )

    def machines(self, pipeline: str) -> dict[str, str]:
        """The state machines of a pipeline that are deployed: name and ARN. Raises NotFoundError when none is."""
        bench = self.bench(pipeline)
        found = {"loop": bench.state_machine_arn, "rollback": bench.rollback_machine_arn}
        try:
            return found | {"batch": bench.batch_machine_arn}
        except NotFoundError:
            return found

    def executions(self, pipeline: str, machine: str) -> tuple[list[Execution], Mapping[str, Any]]:
        """The newest executions of a machine, and its definition."""
        arn = self._machine(pipeline, machine)
        client = self._step_functions(pipeline)
        listed = client.list_executions(stateMachineArn=arn, maxResults=MOST_EXECUTIONS)["executions"]
        found = [
            Execution(machine, one["name"], one["status"], one["startDate"], one.get("stopDate")) for one in listed
        ]
        newest = sorted(found, key=lambda one: one.started, reverse=True)
        return newest, json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])

    def execution(self, pipeline: str, machine: str, name: str) -> tuple[Execution, Mapping[str, Any]]:
        """One execution with all its states, and the definition that it goes by."""
        client, arn = self._step_functions(pipeline), self._execution_arn(pipeline, machine, name)
        told = client.describe_execution(executionArn=arn)
        events = events_of(client, arn)
        ends = (event for event in reversed(events) if event["type"].startswith("Execution"))
        last: Mapping[str, Any] = next(ends, {})
        reason: Mapping[str, Any] = next((last[key] for key in last if key.endswith("EventDetails")), {})
        found = Execution(
            machine,
            name,
            told["status"],
            told["startDate"],
            told.get("stopDate"),
            told.get("input", ""),
            told.get("output", ""),
            str(told.get("error") or reason.get("error") or ""),
            str(told.get("cause") or reason.get("cause") or ""),
            visits_of(events, told["status"]),
        )
        definition = client.describe_state_machine_for_execution(executionArn=arn)["definition"]
        return found, json.loads(definition)

    def log(self, pipeline: str, execution: Execution, function: str, state: str) -> list[LogLine]:
        """What a function logged while the execution was in a state, but for lines that name another run."""
        visits = [visit for visit in execution.visits if visit.state == state]
        if not visits:
            raise NotFoundError(f"execution {execution.name} has not been in a state {state}")
        until = visits[-1].left or execution.stopped or datetime.now(UTC)
        cloud = self.bench(pipeline).cloud
        told = cloud.client("lambda").get_function_configuration(FunctionName=function)
        group = told.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
        pages = (
            cloud.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=group,
                startTime=_milliseconds(visits[0].entered - _AROUND),
                endTime=_milliseconds(until + _AROUND),
                PaginationConfig={"MaxItems": MOST_LINES},
            )
        )
        lines = (event for page in pages for event in page.get("events", ()))
        read = [LogLine(datetime.fromtimestamp(line["timestamp"] / 1000.0, UTC), line["message"]) for line in lines]
        return lines_of_run(read, execution.name)

    def runs(self, pipeline: str) -> Records:
        """The newest runs, those that wait for approval first."""
        bench = self.bench(pipeline)
        return [*waiting_runs([pipeline], self.environment), *bench.ledger.runs(pipeline, limit=MOST_RUNS)]

    def report(self, pipeline: str, run: str) -> str:
        """A run's report page. Raises NotFoundError for a run that nobody knows."""
        bench, record = find(run, [pipeline], self.environment)
        return run_report(bench, record)

    def champions(self, pipeline: str) -> Records:
        """The history of champions, newest first."""
        return self.bench(pipeline).ledger.promotions(pipeline)

    def manifest(self, pipeline: str, version: str) -> Mapping[str, Any]:
        """A model version's manifest."""
        return ModelRegistry(self.bench(pipeline).models, pipeline).read(version).manifest

    def drift(self, pipeline: str) -> list[Checked]:
        """The newest runs that checked for drift, oldest first."""
        return list(self._checked(pipeline))[::-1]

    def _checked(self, pipeline: str) -> Iterator[Checked]:
        bench = self.bench(pipeline)
        for record in bench.ledger.runs(pipeline, limit=MOST_CHECKS):
            try:
                report = RunFolder(bench.data, pipeline, record["run_id"]).read(DRIFT)
            except NotFoundError:
                continue
            if report.get("features"):
                yield Checked(str(record["run_id"]), str(record["started_at"]), report)

    def windows(self, pipeline: str) -> list[dict[str, Any]]:
        """How the newest windows of the prediction log were judged."""
        return LiveStore(self.bench(pipeline).data, pipeline).newest(MOST_WINDOWS)

    def live(self, pipeline: str, hours: float) -> tuple[list[tuple[str, str, LiveCounts]], str]:
        """Live metrics of the last hours, and the champion."""
        bench, now = self.bench(pipeline), datetime.now(UTC).timestamp()
        pointer = require_pointer(bench.models, pipeline).pointer
        return counted(bench, known_versions(pointer), now - hours * 3600.0, now), pointer.champion

    def alarms(self, pipeline: str) -> list[ShownAlarm]:
        """The alarms of a pipeline, with graphs of the last hours."""
        bench, now = self.bench(pipeline), datetime.now(UTC).timestamp()
        cloudwatch, span = bench.cloud.client("cloudwatch"), Span(now - OPENS_WITH, now)
        sources = sources_of(bench)
        return shown_alarms(
            cloudwatch,
            stage=f"{bench.prefix}-{self.environment}",
            pipeline=pipeline,
            pipelines=all_pipelines(),
            evaluation=read_alarms_state(records_file(project_root())) if self.environment == LOCAL else None,
            draw=lambda widget, identity: widget_html(widget, sources, span, identity=identity),
        )

    def dashboard(self, pipeline: str) -> str:
        """The widgets of a pipeline's dashboard, HTML, over the time that it opens with."""
        shown, now = find_dashboard(self.bench(pipeline)), datetime.now(UTC).timestamp()
        opened = OPENS_WITH if self.environment == LOCAL else opening_seconds(shown.body.start)
        return dashboard_widgets(shown, Span(now - opened, now))

    def mails(self) -> Sequence[Mail]:
        """The local inbox, oldest first."""
        if self.environment != LOCAL:
            raise ContenderError(f"mails of {self.environment} are in the inboxes of those who get them")
        return read_inbox(localcloud.cloud.connect(project_root()))

    def _step_functions(self, pipeline: str) -> Any:
        return self.bench(pipeline).cloud.client("stepfunctions")

    def _machine(self, pipeline: str, machine: str) -> str:
        machines = self.machines(pipeline)
        if machine not in machines:
            raise NotFoundError(f"{pipeline} has no state machine {machine!r}; it has {', '.join(machines)}")
        return machines[machine]

    def _execution_arn(self, pipeline: str, machine: str, name: str) -> str:
        return f"{self._machine(pipeline, machine).replace(':stateMachine:', ':execution:')}:{name}"


def functions_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """The states whose task is a Lambda function, with the function's name.

    Examples
    --------
    >>> arn = "arn:aws:lambda:us-east-1:123456789012:function:claim:live"
    >>> functions_of({"States": {"Claim": {"Type": "Task", "Resource": arn}, "Done": {"Type": "Succeed"}}})
    {'Claim': 'claim'}
    """
    found = {}
    for name, state in definition["States"].items():
        parameters = state.get("Parameters") or {}
        called = str(parameters.get("FunctionName") or state.get("Resource") or "").split(":")
        if called[2:3] == ["lambda"] and called[5:6] == ["function"]:
            found[name] = called[6]
    return found


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)

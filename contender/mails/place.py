"""Where something happened: the environment and pipeline of a mail, and where to look at it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import quote

from contender.alarms.kinds import AlarmKind, Severity
from contender.mails.mail import Content, Link, Mail, compose
from contender.workflow.outcome import option

LOCAL = "local"
TRAINING = "continuous-training"


@dataclass(frozen=True)
class Place:
    """The pipeline of an environment.

    Attributes
    ----------
    stage : what the names of all that it has begin with, such as contender-prod.
    region, account : of AWS; of no meaning on the laptop.
    documentation : where its site is published; empty where it is not.
    """

    environment: str
    pipeline: str
    stage: str = ""
    region: str = ""
    account: str = ""
    documentation: str = ""

    @property
    def name(self) -> str:
        """What the names of its machines, functions, alarms and dashboard begin with."""
        return f"{self.stage}-{self.pipeline}"

    def command(self, words: str) -> str:
        """A command on the pipeline, for a reader to whom `--env` means another environment.

        Examples
        --------
        >>> Place("prod", "flights").command("champion"), Place("local", "flights").command("runs --last 5")
        ('contender champion --pipeline flights --env prod', 'contender runs --last 5 --pipeline flights')
        """
        return f"contender {words} --pipeline {self.pipeline}{option(self.environment)}"

    def show(self, run_id: str, *, more: str = "") -> str:
        """The command that shows a run.

        Examples
        --------
        >>> Place("prod", "flights").show("r1", more=" --open")
        'contender show r1 --env prod --open'
        """
        return f"contender show {shlex.quote(run_id)}{option(self.environment)}{more}"

    def mail(self, content: Content, severity: Severity, *, over: bool = False) -> Mail:
        """The mail about this pipeline that says `content`."""
        return compose(content, severity, environment=self.environment, pipeline=self.pipeline, over=over)

    def execution(self, run_id: str, *, machine: str = TRAINING) -> Link:
        """The execution of a run in the console of Step Functions; on the laptop the command that shows the run."""
        if not self._in_console:
            return Link("Run", self.show(run_id, more=" --open") if machine == TRAINING else f"execution {run_id}")
        arn = f"arn:aws:states:{self.region}:{self.account}:execution:{self.name}-{machine}:{run_id}"
        return Link("Run", self._console("states", f"/v2/executions/details/{quote(arn, safe=':')}"))

    def report(self, run_id: str) -> list[Link]:
        """The page about a run; on the laptop the link to the run is to it already."""
        return [Link("Report", self.show(run_id, more=" --open"))] if self._in_console else []

    def dashboard(self) -> Link:
        """The pipeline's dashboard."""
        if not self._in_console:
            return Link("Dashboard", f"contender dashboard --pipeline {self.pipeline}{option(self.environment)}")
        return Link("Dashboard", self._console("cloudwatch", f"dashboards/dashboard/{quote(self.name)}"))

    def alarm(self, name: str) -> Link:
        """An alarm, with its history."""
        if not self._in_console:
            return Link("Alarm", name)
        return Link("Alarm", self._console("cloudwatch", f"alarmsV2:alarm/{quote(name)}"))

    def runbook(self, kind: AlarmKind) -> Link:
        """The page that says what to do about an alarm; its file where the site is not published.

        Examples
        --------
        >>> from contender.alarms.table import kind
        >>> Place("prod", "shop", documentation="https://docs.example.com/ml/").runbook(kind("model-stale")).target
        'https://docs.example.com/ml/runbooks/model-stale.html'
        >>> Place("prod", "shop").runbook(kind("model-stale")).target
        'docs/runbooks/model-stale.md'
        """
        if not self.documentation:
            return Link("Runbook", kind.runbook)
        return Link("Runbook", f"{self.documentation.rstrip('/')}/runbooks/{kind.id}.html")

    def function_log(self, function: str) -> Link:
        """The function `<name>-<function>`, whose page leads to its log."""
        if not self._in_console:
            return Link("Log", f"/aws/lambda/{self.name}-{function}")
        return Link("Log", self._console("lambda", f"/functions/{quote(f'{self.name}-{function}')}?tab=monitoring"))

    @property
    def _in_console(self) -> bool:
        return self.environment != LOCAL and bool(self.region and self.stage)

    def _console(self, service: str, page: str) -> str:
        return f"https://{self.region}.console.aws.amazon.com/{service}/home?region={self.region}#{page}"

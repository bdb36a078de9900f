"""The console's pages under their paths: read only, for this machine's browser alone.

The Host header must name this machine, so that a page of another site cannot reach the server under a name of its own
(DNS rebinding); the content policy lets a page load nothing but the server's own script.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from contender.adapters.layers_of_graphs import place_in_layers
from contender.cli.clouds import LOCAL
from contender.cli.console_server.gather import MOST_LINES, Gatherer, functions_of
from contender.cli.options import cloud_of
from contender.console.graph.layout import lay_out
from contender.console.graph.machine import read_machine
from contender.console.graph.picture import picture
from contender.console.manifest_diff import compare_manifests
from contender.console.pages.alarms import alarms_page
from contender.console.pages.champions import champions_page, difference_page
from contender.console.pages.drift import drift_page
from contender.console.pages.execution import anchors, execution_page, log_page
from contender.console.pages.executions import MACHINES, executions_page
from contender.console.pages.live import HOURS, live_page
from contender.console.pages.mails import mails_page
from contender.console.pages.overview import overview_page
from contender.console.pages.runs import runs_page
from contender.console.shell import PAGES, address, console_page, keys, trouble_page
from contender.dashboard.widgets import STYLES
from contender.errors import ContenderError, NotFoundError, NotRunningError
from contender.reports.run.page import UNREADABLE

HOSTS = ["127.0.0.1", "localhost"]
REFRESH_SECONDS = 5
NOT_THERE = {"ExecutionDoesNotExist", "InvalidArn", "ResourceNotFoundException"}
"""Errors of AWS about a name in the path that nothing has."""

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Server:
    """The pages of one environment. One at a time: boto3 does not make clients in several threads."""

    data: Gatherer
    lock: Lock = field(default_factory=Lock)

    def app(self) -> Starlette:
        """The application."""
        paths: dict[str, Callable[[Request], Response]] = {
            "/": self.overview,
            "/mails": self.mails,
            "/{pipeline}": self.pipeline,
            "/{pipeline}/executions": self.executions,
            "/{pipeline}/executions/{machine}/{name}": self.execution,
            "/{pipeline}/executions/{machine}/{name}/log": self.log,
            "/{pipeline}/runs": self.runs,
            "/{pipeline}/runs/{run}": self.report,
            "/{pipeline}/champions": self.champions,
            "/{pipeline}/champions/difference": self.difference,
            "/{pipeline}/drift": self.drift,
            "/{pipeline}/live": self.live,
            "/{pipeline}/alarms": self.alarms,
            "/{pipeline}/dashboard": self.dashboard,
        }
        routes = [*FILES]
        routes += [Route(path, self._guarded(page)) for path, page in paths.items()]
        return Starlette(
            routes=routes,
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
            exception_handlers={HTTPException: self._no_page},  # type: ignore[dict-item]
        )

    def overview(self, request: Request) -> Response:  # noqa: ARG002 - a page is asked with its request
        """Each pipeline."""
        return answer_with(overview_page(self.data.site(), self.data.overview()))

    def pipeline(self, request: Request) -> Response:
        """A pipeline's first page."""
        return RedirectResponse(address(request.path_params["pipeline"], next(iter(PAGES))))

    def executions(self, request: Request) -> Response:
        """A machine's executions."""
        pipeline, machine = request.path_params["pipeline"], request.query_params.get("machine", "loop")
        executions, definition = self.data.executions(pipeline, machine)
        records = {str(record["run_id"]): record for record in self.data.runs(pipeline)}
        graph = read_machine(definition)
        drawn = picture(graph, lay_out(graph, place_in_layers), title=MACHINES[machine])
        machines = list(self.data.machines(pipeline))
        return answer_with(
            executions_page(
                self.data.site(),
                pipeline,
                machine,
                executions,
                records,
                drawn,
                machines=machines,
                asked=_asked(request),
            )
        )

    def execution(self, request: Request) -> Response:
        """One execution; while it is running the page loads itself again."""
        pipeline, machine, name = (request.path_params[key] for key in ("pipeline", "machine", "name"))
        found, definition = self.data.execution(pipeline, machine, name)
        graph = read_machine(definition)
        drawn = picture(
            graph,
            lay_out(graph, place_in_layers),
            title=f"{MACHINES[machine]}, {name}",
            outcomes=found.outcomes,
            steps=found.steps,
            links=anchors(found),
        )
        record = next((record for record in self.data.runs(pipeline) if record["run_id"] == name), None)
        functions = functions_of(definition)
        page = execution_page(self.data.site(), pipeline, found, drawn, functions=functions, record=record)
        answer = answer_with(page)
        if found.status == "RUNNING":
            answer.headers["Refresh"] = str(REFRESH_SECONDS)
        return answer

    def log(self, request: Request) -> Response:
        """What a state's function logged."""
        pipeline, machine, name = (request.path_params[key] for key in ("pipeline", "machine", "name"))
        state = request.query_params.get("state", "")
        found, definition = self.data.execution(pipeline, machine, name)
        function = functions_of(definition).get(state)
        if function is None:
            raise NotFoundError(f"the machine has no state {state!r} whose task is a function")
        lines = self.data.log(pipeline, found, function, state)
        return answer_with(log_page(self.data.site(), pipeline, found, state, lines, most=MOST_LINES))

    def runs(self, request: Request) -> Response:
        """The runs."""
        pipeline = request.path_params["pipeline"]
        return answer_with(runs_page(self.data.site(), pipeline, self.data.runs(pipeline), asked=_asked(request)))

    def report(self, request: Request) -> Response:
        """A run's report, as the run wrote it."""
        return answer_with(self.data.report(request.path_params["pipeline"], request.path_params["run"]))

    def champions(self, request: Request) -> Response:
        """The history of champions."""
        pipeline = request.path_params["pipeline"]
        return answer_with(champions_page(self.data.site(), pipeline, self.data.champions(pipeline)))

    def difference(self, request: Request) -> Response:
        """What differs between two versions."""
        pipeline = request.path_params["pipeline"]
        old, new = (self.data.manifest(pipeline, request.query_params.get(name, "")) for name in ("old", "new"))
        return answer_with(difference_page(self.data.site(), pipeline, old, new, compare_manifests(old, new)))

    def drift(self, request: Request) -> Response:
        """Drift over time."""
        pipeline = request.path_params["pipeline"]
        return answer_with(drift_page(self.data.site(), pipeline, self.data.drift(pipeline)))

    def live(self, request: Request) -> Response:
        """Live metrics."""
        pipeline, hours = request.path_params["pipeline"], request.query_params.get("hours", "24")
        hours = hours if hours in HOURS else "24"
        counts, champion = self.data.live(pipeline, float(hours))
        windows = self.data.windows(pipeline)
        return answer_with(
            live_page(self.data.site(), pipeline, counts, hours=hours, champion=champion, windows=windows)
        )

    def alarms(self, request: Request) -> Response:
        """The alarms, with graphs."""
        pipeline = request.path_params["pipeline"]
        return answer_with(alarms_page(self.data.site(), pipeline, self.data.alarms(pipeline), styles=STYLES))

    def dashboard(self, request: Request) -> Response:
        """The dashboard's widgets."""
        pipeline = request.path_params["pipeline"]
        content = f'<div class="dashboard">{self.data.dashboard(pipeline)}</div>'
        page = console_page(self.data.site(), "Dashboard", content, pipeline=pipeline, here="dashboard", styles=STYLES)
        return answer_with(page)

    def mails(self, request: Request) -> Response:  # noqa: ARG002 - a page is asked with its request
        """The local inbox."""
        return answer_with(mails_page(self.data.site(), self.data.mails()))

    def _guarded(self, page: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """A page that says what to do where the environment cannot be read."""

        @wraps(page)
        def guarded(request: Request) -> Response:
            with self.lock:
                try:
                    return page(request)
                except (ContenderError, ClientError, BotoCoreError) as error:
                    return self._trouble(error)
                except UNREADABLE as error:
                    if os.environ.get("CONTENDER_DEBUG"):
                        raise
                    said = f"What it is made of cannot be read ({type(error).__name__}: {error})."
                    return answer_with(trouble_page(self.data.site(), "This page cannot be shown", said), 502)

        return guarded

    def _trouble(self, error: Exception) -> Response:
        site, local = self.data.site(), self.data.environment == LOCAL
        code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
        if isinstance(error, NotRunningError) or (local and isinstance(error, BotoCoreError)):
            cloud_of.cache_clear()  # it may come back under another address
            return answer_with(trouble_page(site, "The local cloud is down", str(error), ["contender up"]), 503)
        if isinstance(error, NotFoundError) or code in NOT_THERE:
            return answer_with(trouble_page(site, "Not found", str(error)), 404)
        return answer_with(trouble_page(site, "This page cannot be shown", str(error)), 502)

    def _no_page(self, request: Request, error: HTTPException) -> Response:
        unknown = error.status_code == 404
        headline, said = (
            ("Not found", f"There is no page {request.url.path}.") if unknown else ("Refused", error.detail)
        )
        return answer_with(trouble_page(self.data.site(), headline, said), error.status_code)


def _asked(request: Request) -> str:
    return request.query_params.get("q", "").strip()


def answer_with(page: str, status: int = 200) -> HTMLResponse:
    """A page with the policy that it needs: its own style sheet and the server's script, and nothing else."""
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = b64encode(hashlib.sha256((style[1] if style else "").encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(page, status, {**SAFE, "Content-Security-Policy": policy})


def _script(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return Response(keys(), media_type="text/javascript", headers=SAFE)


def _no_icon(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    return Response(status_code=204, headers=SAFE)


FILES = (Route("/keys.js", _script), Route("/favicon.ico", _no_icon))
"""What the server has beside pages."""

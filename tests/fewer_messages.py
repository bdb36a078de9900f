"""Workers of pytest-xdist tell only what is read, and tell it at once: six messages a test are one.

Each is written and read by Python code, and the process that spreads the tests does little else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SHORT_SECONDS = 0.005
"""What pytest leaves out of its list of durations."""
LAST = "is_last"
"""What stands in a test's report after which nothing more is told of the test."""


def has_passed(report: dict[str, Any]) -> bool:
    """Whether nothing but the outcome is of interest."""
    return report["outcome"] == "passed" and not report["sections"]


def is_read(name: str, content: dict[str, Any]) -> bool:
    """Whether anything comes of this message: nothing does of a test's begin and end, nor of a short set-up without a
    fault."""
    if name != "testreport":
        return name not in ("logstart", "logfinish")
    report = content["data"]
    return report["when"] == "call" or not has_passed(report) or report["duration"] >= SHORT_SECONDS


class Teller:
    """Sends a passed test's report when the test is over, and with it that it is, without the test's keywords."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._held: dict[str, Any] | None = None

    def __call__(self, name: str, **content: Any) -> None:
        if not is_read(name, content):
            return
        report, self._held = self._held, None
        if report is not None:
            is_over = name == "runtest_protocol_complete"
            self._send("testreport", data=report | {LAST: is_over})
            if is_over:
                return
        if name == "testreport" and content["data"]["when"] == "call" and has_passed(content["data"]):
            self._held = content["data"] | {"keywords": {}}
            return
        self._send(name, **content)


class Listener:
    """Where tests are spread: takes a last report for the message that the test is over."""

    def __init__(self, session: Any) -> None:
        self._session = session

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if getattr(report, LAST, False):
            self._session.worker_runtest_protocol_complete(report.node, report.item_index, report.duration)


def tell_only_what_is_read(config: pytest.Config) -> None:
    """In workers, where no file is written of all that there is to tell."""
    spreading = config.pluginmanager.getplugin("dsession")
    if spreading is not None:
        config.pluginmanager.register(Listener(spreading))
    if not hasattr(config, "workerinput") or config.getoption("xmlpath", None):
        return
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "sendevent"):
            plugin.sendevent = Teller(plugin.sendevent)

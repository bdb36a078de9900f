"""Workers of pytest-xdist tell only what is read: six messages a test are three.

Each is written and read by Python code, and the process that spreads the tests does little else.
"""

from __future__ import annotations

from typing import Any

import pytest

SHORT_SECONDS = 0.005
"""What pytest leaves out of its list of durations."""


def is_read(name: str, content: dict[str, Any]) -> bool:
    """Whether anything comes of this message: nothing does of a test's begin, nor of a short set-up without a fault."""
    if name != "testreport":
        return name != "logstart"
    report = content["data"]
    is_quiet = report["when"] != "call" and report["outcome"] == "passed" and not report["sections"]
    return not is_quiet or report["duration"] >= SHORT_SECONDS


def tell_only_what_is_read(config: pytest.Config) -> None:
    """In a worker, and where no file is written of all that there is to tell."""
    if not hasattr(config, "workerinput") or config.getoption("xmlpath", None):
        return
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "sendevent"):
            tell = plugin.sendevent
            plugin.sendevent = lambda name, tell=tell, **content: is_read(name, content) and tell(name, **content)

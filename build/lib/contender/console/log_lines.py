"""What of a function's log belongs to a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_REQUEST = re.compile(r"RequestId: (\S+)")


@dataclass(frozen=True)
class LogLine:
    """A line that a function logged."""

    at: datetime
    text: str


def lines_of_run(lines: Sequence[LogLine], run: str) -> list[LogLine]:
    """The lines, without those of other runs and without metrics.

    Structured lines name their run and their request; the lines of Lambda itself name the request. A line that names
    neither stays: an error before the first structured line does not either.

    Examples
    --------
    >>> noon = datetime(2026, 1, 1, 12)
    >>> said = ('{"run_id": "r1", "function_request_id": "a"}', "END RequestId: a", "END RequestId: b",
    ...         '{"run_id": "r2", "function_request_id": "b"}', '{"_aws": {}}', "[ERROR] it broke")
    >>> [line.text for line in lines_of_run([LogLine(noon, text) for text in said], "r1")]
    ['{"run_id": "r1", "function_request_id": "a"}', 'END RequestId: a', '[ERROR] it broke']
    """
    read = [(line, _structured(line.text)) for line in lines]
    others = {content.get("function_request_id") for _, content in read if content.get("run_id", run) != run}
    return [line for line, content in read if _belongs(line.text, content, run, others)]


def _belongs(text: str, content: Mapping[str, Any], run: str, others: set[Any]) -> bool:
    if content:
        return "_aws" not in content and content.get("run_id", run) == run
    request = _REQUEST.search(text)
    return request is None or request[1] not in others


def _structured(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}

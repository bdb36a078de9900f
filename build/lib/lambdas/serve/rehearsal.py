"""A rehearsal: loads a challenger next to the champion and answers golden requests.

The function is invoked directly for this, with an event that no caller of the API can make: API Gateway's events always
have a `requestContext`, and what callers send is a text within them. In handler.py, before the routes::

    if is_rehearsal(event):
        return rehearse(event, answer, follower.load_version, remaining_ms=context.get_remaining_time_in_millis)

with `answer(model, body)`, the text of the answer that HTTP callers would get from this model, made by the very code
that makes theirs. Nothing of a rehearsal is logged as a prediction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from contender.adapters.serving.onnx_model import OnnxModel
from contender.errors import ContenderError, InvalidInputError
from contender.registry.versions import MODEL

SPARE_MS = 1000.0
"""Time left of the function's when no more requests are asked: enough to answer with what there is."""

_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"
_KIB = 1024


def is_rehearsal(event: Mapping[str, Any]) -> bool:
    """Whether this event asks for a rehearsal, and came from no caller of the API."""
    return "rehearse" in event and "requestContext" not in event


def rehearse(
    event: Mapping[str, Any],
    answer: Callable[[OnnxModel, Any], str],
    load: Callable[[str, str], OnnxModel],
    *,
    remaining_ms: Callable[[], float] = lambda: float("inf"),
    timer: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Load a version and let it answer requests.

    Parameters
    ----------
    event : `{"rehearse": {"version", "manifest_sha256", "requests": [bodies of predict requests]}}`.
    answer : the body of the answer to the body of a request, as text.
    load : loads a version by its name and its manifest's sha256, past every cache.
    remaining_ms : what is left of the function's time.

    Returns
    -------
    dict
        `answers`, one for each request that there was time for (`{"error": …}` where it was refused); `load_ms`;
        `request_ms`, for each answer; `memory_mb`, the most that the process held meanwhile, in MiB; `model_bytes`.

    Raises
    ------
    InvalidInputError
        When the event is not as above.
    NotFoundError, IntegrityError
        When the version cannot be used.
    """
    version, manifest_sha256, requests = _question(event)
    _forget_peak()
    started = timer()
    model = load(version, manifest_sha256)
    load_ms = (timer() - started) * 1000
    answers: list[Any] = []
    request_ms: list[float] = []
    for body in requests:
        if remaining_ms() < SPARE_MS:
            break
        started = timer()
        try:
            text = answer(model, body)
        except ContenderError as error:
            text = json.dumps({"error": str(error)})
        request_ms.append((timer() - started) * 1000)
        answers.append(json.loads(text))
    return {
        "version": model.version,
        "answers": answers,
        "load_ms": load_ms,
        "request_ms": request_ms,
        "memory_mb": peak_mib(),
        "model_bytes": model.manifest["files"][MODEL]["bytes"],
    }


def _question(event: Mapping[str, Any]) -> tuple[str, str, list[Any]]:
    asked = event["rehearse"]
    try:
        version, digest, requests = asked["version"], asked["manifest_sha256"], asked["requests"]
    except (KeyError, TypeError):
        version = digest = requests = None
    if not isinstance(version, str) or not isinstance(digest, str) or not isinstance(requests, list):
        raise InvalidInputError('rehearse must be {"version": text, "manifest_sha256": text, "requests": [bodies]}')
    return version, digest, requests


def _forget_peak() -> None:
    """Let the peak begin anew: what an earlier model needed is not this one's fault."""
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK)


def peak_mib() -> float:
    """The most memory that the process held, in MiB; 0 where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        return int((_PROCESS / "status").read_text().split("VmHWM:")[1].split()[0]) / _KIB
    return 0.0

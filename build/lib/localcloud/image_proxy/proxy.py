"""The proxy of an image function in the emulator: passes events to the function host and returns its answers.

It is a zip function with the image function's name, variables and limits, and knows the standard library only.
"""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

HOST_FILE = "CONTENDER_FUNCTION_HOST"
FUNCTION = "CONTENDER_IMAGE_FUNCTION"
IMAGE = "CONTENDER_IMAGE"


def handler(event: Any, context: Any) -> Any:
    """Run the function in its container; its error becomes one of the same name here."""
    host = json.loads(Path(os.environ[HOST_FILE]).read_text("utf-8"))
    function = json.loads(os.environ[FUNCTION])
    call = {
        **function,
        "image": os.environ[IMAGE],
        "name": context.function_name,
        "variables": {name: os.environ[name] for name in function["variables"] if name in os.environ},
        "request_id": context.aws_request_id,
        "event": event,
    }
    request = urllib.request.Request(
        host["url"], json.dumps(call).encode(), {"Content-Type": "application/json", "Authorization": host["token"]}
    )
    # Straight to the loopback interface, whatever proxies the surroundings name.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        reply = json.load(answer)
    print(reply["log"], end="", flush=True)
    if "error" in reply:
        raise type(reply["error"]["errorType"], (Exception,), {})(reply["error"]["errorMessage"])
    return reply["answer"]

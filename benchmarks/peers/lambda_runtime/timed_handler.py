"""The function's handler with a clock around it.

What it took stands in a header of the answer, in seconds: by the clock, or by the processor where that says less, for
then other processes were in the way.
"""

from __future__ import annotations

import time
from typing import Any

from lambdas.serve.handler import handler as serve


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    clock, processor = time.perf_counter(), time.thread_time()
    answer = serve(event, context)
    took = min(time.perf_counter() - clock, time.thread_time() - processor)
    answer["headers"] = {**answer["headers"], "x-handler-seconds": repr(took)}
    return answer

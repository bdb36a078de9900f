"""Runs the web server: `python -m serving_image`.

`PORT` (8080) and `WEB_CONCURRENCY`, the number of processes (1), are read from the environment. After SIGTERM requests
in progress are finished, and what they left for the prediction log is sent.
"""

from __future__ import annotations

import os

import uvicorn

GRACE_SECONDS = 25
"""Before the SIGKILL of `docker stop --time 30` and of Kubernetes, which come after 30."""


def main() -> None:
    uvicorn.run(
        "serving_image.server:app",
        host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - a container's own network
        port=int(os.environ.get("PORT", "8080")),
        workers=int(os.environ.get("WEB_CONCURRENCY", "1")),
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()

"""The container's health check: exit code 0 if the server answers `GET /health` with a champion."""

from __future__ import annotations

import http.client
import os
import sys

PATIENCE_SECONDS = 5.0


def is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(int(os.environ.get("PORT", "8080"))) else 1)

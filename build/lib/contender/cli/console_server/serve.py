"""A server on this machine's loopback address, until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from contender.errors import ContenderError

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 takes one that is free.

    Raises
    ------
    ContenderError
        When the port is taken, or not allowed.
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((LOOPBACK, port))
    except OSError as error:
        found.close()
        raise ContenderError(
            f"port {port} cannot be used ({error.strerror}); leave --port out to take a free one"
        ) from None
    return found


def serve(app: Starlette, listening: socket.socket, *, announce: Callable[[str], None]) -> None:
    """Answer requests until Ctrl-C. `announce` gets the address when the socket listens."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=1
    )
    listening.listen()
    announce(f"http://{LOOPBACK}:{listening.getsockname()[1]}/")
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()

"""The process that xdist takes for a worker: it passes its standard streams to one that is forked, and ends with it.

Run as `worker_client.py ADDRESS OPTION…`. Where nobody answers, it becomes the interpreter with these options, as which
xdist would have started it.
"""

import os
import socket
import sys

FORKED = b"1"


def ask(address: str) -> bool:
    """Whether there was a worker; it has ended then."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(address)
            socket.send_fds(server, [FORKED], [0, 1, 2])
            forked = server.recv(1) == FORKED
            return forked and not server.recv(1)
        except OSError:
            return False


if __name__ == "__main__" and not ask(sys.argv[1]):
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])

"""The process of the local cloud that evaluates its alarms, as CloudWatch does.

Run as `python -m localcloud.alarms.watcher --port 4566 --root .`; `contender up` does so.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.alarms.local_alarms import LocalAlarms
from localcloud.connection import CloudConnection
from localcloud.metrics.samples import MINUTE

LOOK_SECONDS = 5.0
"""Between two looks at whether anything has happened; without that, alarms are evaluated once a minute."""
SHARE = 0.025
"""Of the time that looks take, up to one a minute: twenty pipelines have six hundred alarms."""
SLEPT_SECONDS = 120.0
"""After a pause as long as this between two looks, the machine has slept."""
FORGET_SECONDS = 3_600.0
GIVE_UP_SECONDS = 120.0
"""An emulator that is away for longer has been killed."""

logger = logging.getLogger("alarms")


class Watcher:
    """Looks after the alarms of one local cloud."""

    def __init__(self, alarms: LocalAlarms, clock: Callable[[], float] = time.time) -> None:
        self._alarms, self._clock = alarms, clock
        self._evaluated_minute, self._forgot_at = -1.0, 0.0
        self._looked_at = self._awake_since = clock()

    def run(self, stopped: threading.Event) -> None:
        """Look until told to stop, or until the emulator has been gone for long."""
        last_answer = time.monotonic()
        while not stopped.is_set() and time.monotonic() - last_answer < GIVE_UP_SECONDS:
            began = time.monotonic()
            try:
                self.look()
                last_answer = time.monotonic()
            except (BotoCoreError, ClientError) as error:
                logger.warning("the emulator did not answer: %s", error)
            except (OSError, sqlite3.Error) as error:
                logger.warning("samples and states could not be kept: %s", error)
            stopped.wait(pause_after(time.monotonic() - began))
        logger.info("stopped")

    def look(self) -> bool:
        """Evaluate, if anything has happened or a minute has passed; answers whether it did.

        Somebody who plays with another clock (`LocalAlarms.alone`) is left alone.
        """
        now = self._clock()
        if now - self._looked_at > SLEPT_SECONDS:
            self._awake_since = now
        self._looked_at = now
        with self._alarms.alone(wait=False) as alone:
            if not alone:
                return False
            if not self._alarms.read_lines(at=now) and now // MINUTE == self._evaluated_minute:
                self._alarms.deliver(at=now)
                return False
            for status in self._alarms.evaluate(at=now, awake_since=self._awake_since):
                if status.since == now:
                    logger.info("%s: %s: %s", status.name, status.state, status.reason)
            self._evaluated_minute = now // MINUTE
            if now - self._forgot_at > FORGET_SECONDS:
                self._alarms.store.forget_old(now=now)
                self._forgot_at = now
            return True


def pause_after(seconds: float) -> float:
    """Seconds until the next look, after one that took so long.

    Examples
    --------
    >>> pause_after(0.2), pause_after(1.0), pause_after(30.0)
    (8.0, 40.0, 60.0)
    """
    return float(min(max(LOOK_SECONDS, seconds / SHARE), MINUTE))


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description="Evaluates the alarms of the local cloud.")
    parser.add_argument("--port", required=True, type=int, help="of the emulator")
    parser.add_argument("--root", required=True, type=Path, help="the project's root")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    connection = CloudConnection(port=arguments.port, outputs={})
    Watcher(LocalAlarms(connection, arguments.root.resolve())).run(stopped)


if __name__ == "__main__":
    main()

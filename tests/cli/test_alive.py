"""A log shows that something is done while nothing is said."""

from __future__ import annotations

import io
import re
import subprocess
import threading
from pathlib import Path

from contender.cli.alive import Dots


class Log(io.StringIO):
    """A log that tells when the first dot was written."""

    def __init__(self) -> None:
        super().__init__()
        self.dotted = threading.Event()

    def write(self, text: str, /) -> int:
        written = super().write(text)
        if text == ".":
            self.dotted.set()
        return written


def test_dots_are_written_while_nothing_is_said_and_their_line_ends_with_the_wait() -> None:
    log = Log()
    with Dots(log, seconds=0.001):
        assert log.dotted.wait(20)
    assert re.fullmatch(r"\.+\n", log.getvalue())


def test_what_is_said_in_time_is_not_interrupted() -> None:
    log = Log()
    with Dots(log, seconds=600.0) as dots:
        dots.end_line()
    assert log.getvalue() == ""


def test_a_command_with_dots_ends_as_the_command_does() -> None:
    script = Path(__file__).parents[2] / "localcloud" / "with_dots.sh"
    done = subprocess.run([script, "sh", "-c", "echo out; exit 3"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "out\n")

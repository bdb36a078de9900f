"""The browser that pages are looked at in: the machine's, or Debian's where it can be installed.

`python -m tests.browser.chromium` says which it is, and installs it where there is none; it fails where it cannot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_A_MAC = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NONE = (
    f"the tests open pages in a browser and found none of {', '.join(NAMES)}; "
    "install one: `apt-get install chromium` on Debian (as root, `make test` does), `brew install --cask chromium` "
    "on a Mac"
)


def find_browser() -> str | None:
    """The path of a browser of Chromium's family."""
    found = (shutil.which(name) for name in NAMES)
    return next(filter(None, (*found, *(path for path in ON_A_MAC if Path(path).is_file()))), None)


def install() -> bool:
    """Install Debian's; whether that was tried."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-qq", *command], env=environment, check=True)
    return True


@contextmanager
def open_tab() -> Iterator[Page]:
    """A tab of the browser, closed with the block."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    assert path, NONE
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser.new_page()
        browser.close()


def main() -> str | None:
    """What is wrong, if anything, as `sys.exit` takes it."""
    if find_browser() is None:
        print("installing chromium, which tests open pages in (once)", flush=True)  # noqa: T201
        install()
    return None if find_browser() else NONE


if __name__ == "__main__":
    sys.exit(main())

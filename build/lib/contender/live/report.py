"""The report of a window, as it is kept: what each version that answered was asked, and how that was judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender.drift.profiles.profile import Profile, from_bytes, to_bytes
from contender.errors import ContenderError, NotFoundError
from contender.live.windows import Window
from contender.ports import Objects


@dataclass(frozen=True)
class LiveStore:
    """What is kept of a pipeline's windows in the data bucket, below `live/<pipeline>/`."""

    data: Objects
    pipeline: str

    def report_key(self, window: str) -> str:
        """The key of a window's report."""
        return f"live/{self.pipeline}/windows/{window}.json"

    def profile_key(self, version: str, window: str) -> str:
        """The key of a window's counts on the grid of a version."""
        return f"live/{self.pipeline}/profiles/{version}/{window}.json.gz"

    def report(self, window: str) -> dict[str, Any] | None:
        """None where the window was not judged yet, or its report cannot be read: then it is made anew."""
        try:
            content = json.loads(self.data.get(self.report_key(window)).body)
        except (NotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Keep a report; it replaces that of the same window."""
        self.data.put(self.report_key(report["window"]), json.dumps(report, allow_nan=False).encode())

    def window_names(self) -> list[str]:
        """The names of the windows that were judged, in their order."""
        prefix = f"live/{self.pipeline}/windows/"
        return sorted(key.removeprefix(prefix).removesuffix(".json") for key in self.data.keys(prefix))

    def newest(self, count: int) -> list[dict[str, Any]]:
        """The newest reports, newest first."""
        found = (self.report(name) for name in self.window_names()[::-1][:count])
        return [report for report in found if report is not None]

    def windows_of(self, version: str) -> list[Window]:
        """The windows that were counted for a version, oldest first."""
        prefix = f"live/{self.pipeline}/profiles/{version}/"
        names = [key.removeprefix(prefix).removesuffix(".json.gz") for key in self.data.keys(prefix)]
        return sorted(map(Window.named, names))

    def profile(self, version: str, window: Window) -> Profile | None:
        """None where it cannot be read: such a window is no evidence."""
        try:
            return from_bytes(self.data.get(self.profile_key(version, window.name)).body)
        except ContenderError:
            return None

    def write_profile(self, version: str, window: Window, profile: Profile) -> None:
        """Keep a window's counts."""
        self.data.put(self.profile_key(version, window.name), to_bytes(profile))


def sentence_of(report: Mapping[str, Any]) -> str:
    """The report in a few sentences: those of the champion, or of the version with most predictions."""
    versions: Mapping[str, Any] = report["versions"]
    found = versions.get(report["champion"]) or max(versions.values(), key=lambda one: one["rows"], default=None)
    return str(found["reason"]) if found else ""

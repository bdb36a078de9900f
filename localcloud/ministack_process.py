"""The emulator's program: MiniStack without packages that it would load and never use here, a fourth of its start.

Docker's would run tasks and functions, which are the agent's; DuckDB's would answer Athena's queries, which
`contender sql` asks itself. To MiniStack both are as on a machine where they are not installed.
"""

from __future__ import annotations

import importlib
import sys

UNUSED = ("docker", "duckdb")


def main() -> None:
    """Serve until SIGTERM."""
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # whoever imports it gets an ImportError
    importlib.import_module("localcloud.ministack_server").main()


if __name__ == "__main__":
    main()

"""`python -m documentation build` makes the site; `python -m documentation reference` writes its generated pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from documentation.site import ROOT, SiteError, build
from localcloud.errors import SideEnvironmentError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 where the site could not be built strictly."""
    parser = argparse.ArgumentParser(prog="python -m documentation", description=__doc__)
    parser.add_argument("what", choices=("build", "reference"))
    parser.add_argument("--to", type=Path, default=ROOT / "site", help="the folder of the built site")
    asked = parser.parse_args(arguments)
    if asked.what == "reference":
        # It imports all of the command line, which a build does not need.
        from documentation.generated import write_pages  # noqa: PLC0415

        for page in write_pages():
            print(f"wrote {page.relative_to(ROOT)}")
        return 0
    try:
        pages = build(asked.to)
    except (SideEnvironmentError, SiteError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{pages} pages in {asked.to}; open {asked.to / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

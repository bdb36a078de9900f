"""`python -m scans secrets templates packages workflows history` scans; `python -m scans sbom` writes bills."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud.errors import SideEnvironmentError
from scans.findings import accepted_by, complaints
from scans.history import history
from scans.scanners import ROOT, NotCheckedError, bill_of_materials, packages, secrets, templates
from scans.workflow_linters import all_workflows

FINDERS = {"secrets": secrets, "templates": templates, "workflows": all_workflows, "history": history}
SCANS = (*FINDERS, "packages")
DEPLOYED = {
    "functions": ROOT / "lambdas" / "requirements.txt",
    "serving": ROOT / "lambdas" / "serve" / "requirements.txt",
    "serving-container": ROOT / "serving_image" / "requirements.txt",
    "image": ROOT / "training_image" / "requirements.txt",
}
"""What pins the packages of the functions of the loop, of serving, and of the two images."""
DEVELOPED = ROOT / "tests" / "requirements.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 where something was found that nobody accepted."""
    parser = argparse.ArgumentParser(prog="python -m scans", description=__doc__)
    parser.add_argument("what", nargs="+", choices=(*SCANS, "sbom"))
    parser.add_argument(
        "--answer", choices=("welcome", "required"), default="welcome", help="required: NOT CHECKED fails"
    )
    given = parser.parse_args(arguments)
    failed = False
    for what in given.what:
        try:
            said = _write_bills(ROOT / "sbom") if what == "sbom" else _scan(what)
        except (SideEnvironmentError, NotCheckedError) as error:
            # Without a network there is no scanner or no database; that is no reason to stop who works without one.
            print(f"{what}: NOT CHECKED: {error}")
            failed |= given.answer == "required"
            continue
        failed |= bool(said)
        for line in said:
            print(f"{what}: {line}")
    return int(failed)


def _scan(what: str) -> list[str]:
    if what == "packages":
        return _audit()
    findings = FINDERS[what]()
    said = complaints(findings, accepted_by(what))
    if not said:
        print(f"{what}: nothing but the {len(findings)} findings that scans/exceptions.toml explains")
    return said


def _audit() -> list[str]:
    audit = packages([*DEPLOYED.values(), DEVELOPED])
    if not audit.checked:
        raise NotCheckedError("the database of vulnerabilities cannot be reached, or this index has none")
    said = complaints(audit.findings, accepted_by("packages"))
    print(f"packages: {audit.checked} were checked")
    return said


def _write_bills(folder: Path) -> list[str]:
    for name, pins in DEPLOYED.items():
        number = bill_of_materials(pins, folder / f"{name}.cdx.json")
        print(f"sbom: {number} packages in {(folder / name).relative_to(ROOT)}.cdx.json")
    return []


if __name__ == "__main__":
    sys.exit(main())

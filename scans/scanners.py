"""Runs the scanners and reads what they print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.side_environments import TOOLS, SideEnvironment
from scans.findings import Finding

ROOT = Path(__file__).parents[1]
TEMPLATES = "cdk.out/prod/assembly-*/*.template.json"
NOT_READ = re.compile(r"\.(png|css|lock)$|(^|/)requirements\.txt$|(^|/)tools/.*\.txt$|^scans/exceptions\.toml$")
"""Files without secrets by their nature: pictures, and lists of versions with their digests."""
WITHOUT = (
    # Digests of content stand all over the code, the tests and the docs, and look like keys.
    "Base64HighEntropyString",
    "HexHighEntropyString",
    # Services that nothing here speaks to.
    "ArtifactoryDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "IPPublicDetector",
    "MailchimpDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
SECONDS_TO_ASK = 20
SECONDS_TO_AUDIT = 300


class NotCheckedError(Exception):
    """Raised where a scanner could not look: there is no network, or the index has no database of vulnerabilities."""


def environment(name: str) -> SideEnvironment:
    """The side environment of a scanner, by the name of its pins."""
    return SideEnvironment(name, Path(__file__).parent / "tools" / f"{name}.txt", ROOT.joinpath(*TOOLS, name))


def program(pins: str, name: str) -> str:
    """A scanner's program; its environment is made at first use."""
    return str(environment(pins).program(name, lambda line: print(line, file=sys.stderr)))


def secrets(root: Path = ROOT) -> Sequence[Finding]:
    """Keys, tokens and passwords in files that git tracks (detect-secrets)."""
    listed = _printed(["git", "-C", str(root), "ls-files"]).splitlines()
    files = [name for name in listed if not NOT_READ.search(name) and (root / name).is_file()]
    less = [word for plugin in WITHOUT for word in ("--disable-plugin", plugin)]
    found = json.loads(_printed([program("scanners", "detect-secrets"), "scan", *less, *files], root))["results"]
    return [
        Finding(each["type"], f"{name}:{each['line_number']}", "what looks like a secret")
        for name, all_of_it in sorted(found.items())
        for each in all_of_it
    ]


def templates(root: Path = ROOT) -> Sequence[Finding]:
    """What checkov's rules find in the templates of prod.

    Raises FileNotFoundError where there are none.
    """
    files = sorted(root.glob(TEMPLATES))
    if not files:
        raise FileNotFoundError(f"there are no templates at {TEMPLATES}; `make check` synthesises them first")
    named = [word for file in files for word in ("-f", str(file))]
    settings = ("--framework", "cloudformation", "--output", "json", "--quiet", "--compact", "--skip-download", "-s")
    return checkov_findings(_printed([program("checkov", "checkov"), *settings, *named], root))


def checkov_findings(printed: str) -> Sequence[Finding]:
    """The failed checks in checkov's JSON."""
    read: Any = json.loads(printed)
    reports: Sequence[Mapping[str, Any]] = read if isinstance(read, list) else [read]
    failed = [check for report in reports for check in report.get("results", {}).get("failed_checks", ())]
    return [Finding(check["check_id"], check["resource"], check["check_name"]) for check in failed]


@dataclass(frozen=True)
class Audit:
    """Known vulnerabilities of pinned packages. `checked`: how many the database knew; 0: it was not there."""

    checked: int
    findings: Sequence[Finding] = ()


def packages(pins: Sequence[Path]) -> Audit:
    """Known vulnerabilities of what these files pin (pip-audit, PyPI's database).

    The database is asked for one package first. Where it does not answer, or does not know that one, there is no
    network, or the index is a mirror without the database, and nothing else is asked.
    """
    found = sorted({match.groups() for file in pins for match in PIN.finditer(file.read_text(encoding="utf-8"))})
    if not found or not _audited(found[:1], SECONDS_TO_ASK).checked:
        return Audit(0)
    return _audited(found, SECONDS_TO_AUDIT)


def _audited(pins: Sequence[tuple[str, ...]], seconds: int) -> Audit:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in pins))
        file.flush()
        command = [program("scanners", "pip-audit"), "-r", file.name, "--disable-pip", "--no-deps", "--format", "json"]
        try:
            done = subprocess.run(
                [*command, "--progress-spinner", "off", "--timeout", "10"],
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return Audit(0)
    return read_audit(done.stdout)


def read_audit(printed: str) -> Audit:
    """pip-audit's JSON; what it skipped, because the database does not know the package, was not checked.

    >>> read_audit('{"dependencies": [{"name": "six", "skip_reason": "not found on PyPI"}]}').checked
    0
    """
    try:
        read = json.loads(printed)["dependencies"]
    except (ValueError, KeyError):
        return Audit(0)
    checked = [each for each in read if "skip_reason" not in each]
    return Audit(
        len(checked),
        [
            Finding(
                bug["id"], f"{each['name']}=={each['version']}", f"fixed in {', '.join(bug['fix_versions']) or '-'}"
            )
            for each in checked
            for bug in each.get("vulns", ())
        ],
    )


def bill_of_materials(pins: Path, to: Path) -> int:
    """Write the CycloneDX bill of materials of what a file pins; the number of its components."""
    to.parent.mkdir(parents=True, exist_ok=True)
    settings = ("requirements", str(pins), "--output-reproducible", "--output-format", "JSON", "-o", str(to))
    _printed([program("scanners", "cyclonedx-py"), *settings])
    return len(json.loads(to.read_text(encoding="utf-8")).get("components", ()))


def _printed(command: Sequence[str], root: Path | None = None) -> str:
    """What a program prints. Raises RuntimeError with its complaint where it fails."""
    quiet = {**os.environ, "LOG_LEVEL": "ERROR"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=quiet)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-500:]
        raise RuntimeError(f"{Path(command[0]).name} failed with exit code {done.returncode}: {said}")
    return done.stdout

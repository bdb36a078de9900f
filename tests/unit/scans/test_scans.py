"""Scans fail on what nobody explained, and say plainly where nothing was checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud.errors import SideEnvironmentError
from scans import __main__ as scans
from scans import scanners
from scans.findings import Accepted, Finding, accepted_by, complaints
from scans.history import history
from scans.scanners import Audit, NotCheckedError, checkov_findings, packages, read_audit
from scans.workflow_linters import zizmor_findings

KEY = Finding("AWS Access Key", "contender/x.py:3", "what looks like a secret")


def test_a_finding_that_nobody_explained_fails_and_one_that_is_explained_does_not() -> None:
    assert complaints([KEY], []) == ["contender/x.py:3: what looks like a secret (AWS Access Key)"]
    assert complaints([KEY], [Accepted("AWS Access Key", "contender/x.py:*", "an example")]) == []
    assert len(complaints([KEY], [Accepted("AWS Access Key", "contender/y.py:*", "an example")])) == 2
    assert complaints([], [Accepted("CKV_AWS_45", "*", "a digest looks like one", sometimes=True)]) == []


def test_every_exception_has_a_reason(tmp_path: Path) -> None:
    for scan in scans.SCANS:
        assert all(len(each.reason) > 20 for each in accepted_by(scan))
    (tmp_path / "e.toml").write_text('[[secrets]]\nrule = "R"\nplace = "*"\nreason = " "\n')
    with pytest.raises(ValueError, match="each exception needs a reason, but R has none"):
        accepted_by("secrets", tmp_path / "e.toml")


def test_what_checkov_says_of_one_template_or_of_many_is_read() -> None:
    """The shape of checkov 3.3's own report."""
    failed = {"check_id": "CKV_AWS_18", "check_name": "access logging", "resource": "AWS::S3::Bucket.Data"}
    report = {"check_type": "cloudformation", "results": {"failed_checks": [failed]}}
    found = [Finding("CKV_AWS_18", "AWS::S3::Bucket.Data", "access logging")]
    assert checkov_findings(json.dumps(report)) == checkov_findings(json.dumps([report])) == found
    assert checkov_findings('{"passed": 0, "failed": 0}') == []


PIP_AUDIT = {
    "dependencies": [
        {
            "name": "flask",
            "version": "0.5",
            "vulns": [{"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": []}],
        },
        {"name": "jinja2", "version": "3.0.2", "vulns": []},
        {"name": "six", "skip_reason": "Dependency not found on PyPI and could not be audited: six (1.17.0)"},
    ],
    "fixes": [],
}
"""The example in pip-audit's own README, with one package that an index does not know."""


def test_what_pip_audit_says_is_read_and_what_it_skipped_was_not_checked() -> None:
    audit = read_audit(json.dumps(PIP_AUDIT))
    assert audit == Audit(2, [Finding("PYSEC-2019-179", "flask==0.5", "fixed in 1.0")])
    assert read_audit("Traceback: no route to host").checked == 0


def test_where_the_database_does_not_answer_one_package_is_asked_for_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(scanners, "_audited", lambda pins, seconds: asked.append(len(pins)) or Audit(0))
    assert packages([scans.DEVELOPED]) == Audit(0)
    assert scans.main(["packages"]) == 0
    assert scans.main(["packages", "--answer", "required"]) == 1  # in a workflow nobody reads that nothing was checked
    assert asked == [1, 1, 1]
    assert "packages: NOT CHECKED" in capsys.readouterr().out


def test_a_scanner_that_cannot_be_installed_stops_nobody_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_network() -> None:
        raise SideEnvironmentError("no route to host")

    monkeypatch.setitem(scans.FINDERS, "secrets", no_network)
    assert scans.main(["secrets"]) == 0
    assert "secrets: NOT CHECKED: no route to host" in capsys.readouterr().out


def test_findings_make_the_command_fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(scans.FINDERS, "secrets", lambda: [KEY])
    monkeypatch.setattr(scans, "accepted_by", lambda scan: [])
    assert scans.main(["secrets"]) == 1
    assert "contender/x.py:3" in capsys.readouterr().out


def zizmor_finding(*, ignored: bool) -> dict[str, object]:
    """What zizmor 1.32 says of a checkout that keeps its token, without the parts that nobody here reads."""
    key = {"Local": {"verbatim_path": "./.github/workflows/x.yml"}}
    span = {"start_point": {"row": 5, "column": 8}, "end_point": {"row": 5, "column": 33}}
    places = [
        {"symbolic": {"key": key, "kind": "Related"}, "concrete": {"location": {**span, "start_point": {"row": 1}}}},
        {"symbolic": {"key": key, "kind": "Primary"}, "concrete": {"location": span}},
    ]
    return {"ident": "artipacked", "desc": "credential persistence", "locations": places, "ignored": ignored}


def test_what_zizmor_says_is_read_at_its_own_place_and_what_a_comment_ignores_is_none() -> None:
    printed = json.dumps([zizmor_finding(ignored=False), zizmor_finding(ignored=True)])
    assert zizmor_findings(printed) == [Finding("artipacked", ".github/workflows/x.yml:6", "credential persistence")]


def test_a_secret_that_was_taken_back_is_found_in_the_commit_that_brought_it_with_the_machine_s_own_gitleaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is one that writes what gitleaks 8.16 wrote of such a commit, and fails as it does otherwise."""
    finding = {
        "Description": "AWS",
        "StartLine": 22,
        "File": "settings.py",
        "Commit": "2c839dbb0000",
        "RuleID": "aws-access-token",
        "Secret": "REDACTED",
    }
    program = tmp_path / "gitleaks"
    program.write_text(
        f'#!/bin/sh\ntest -d "$3/.git" || exit 1\nwhile [ "$1" != --report-path ]; do shift; done\n'
        f"echo '{json.dumps([finding])}' > \"$2\"\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "project" / ".git").mkdir(parents=True)
    assert history(tmp_path / "project") == [Finding("aws-access-token", "settings.py:22 of 2c839dbb", "AWS")]
    with pytest.raises(NotCheckedError, match="gitleaks cannot be run"):
        history(tmp_path)
    (tmp_path / "project" / ".git" / "shallow").touch()
    with pytest.raises(NotCheckedError, match=r"project has the newest commits alone; `git fetch --unshallow`"):
        history(tmp_path / "project")

"""Every command says what is wrong in a sentence and fails; none shows a trace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

import pytest
from botocore.exceptions import ClientError

from delivery import __main__ as delivery


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["comment", "nowhere.md"], "comment: FILE must be a file, but is 'nowhere.md'"),
        (["deploy", "nowhere"], "deploy: STAGE must be one of dev, prod, but is 'nowhere'"),
        (["publish"], "publish: a release needs CODEARTIFACT_DOMAIN and CODEARTIFACT_REPOSITORY and ECR_REGISTRY"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CODEARTIFACT_DOMAIN", "CODEARTIFACT_REPOSITORY", "ECR_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    assert delivery.main(arguments) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_role_that_may_not_do_a_step_is_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: argparse.Namespace) -> NoReturn:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")

    monkeypatch.setitem(delivery.STEPS, "diff", (refuse, ("stage",)))
    assert delivery.main(["diff", "dev"]) == 1
    assert "diff: AWS refuses: An error occurred (AccessDenied)" in capsys.readouterr().err


def test_a_report_is_kept_shown_and_put_into_the_summary_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "REPORTS", tmp_path / "reports")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    delivery._write("diff.md", "**dev: no stack changes**")
    assert (tmp_path / "reports" / "diff.md").read_text() == "**dev: no stack changes**"
    assert (tmp_path / "summary.md").read_text() == capsys.readouterr().out == "**dev: no stack changes**\n"

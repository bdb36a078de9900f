"""A pull request has one comment of each kind, and a title that says what changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from delivery import required
from delivery.errors import DeliveryError
from delivery.pull_requests import comment
from delivery.titles import complaint

ROOT = Path(__file__).parents[3]


class Gh:
    """GitHub's comments of one pull request, asked as `gh api` asks."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {1: "a person's words"}

    def __call__(self, arguments: Sequence[str], text: str) -> str:
        if "--paginate" in arguments:
            return "\n".join(json.dumps({"id": one, "body": body}) for one, body in self.comments.items())
        method, path = arguments[2], arguments[3]
        number = int(path.rpartition("/")[2]) if method == "PATCH" else max(self.comments) + 1
        assert path == (f"repos/o/r/issues/comments/{number}" if method == "PATCH" else "repos/o/r/issues/7/comments")
        self.comments[number] = json.loads(text)["body"]
        return ""


def test_a_comment_is_written_once_and_then_in_place_of_itself() -> None:
    gh = Gh()
    for kind, text in (("comparison", "first"), ("diff", "dev"), ("comparison", "second")):
        comment("o/r", "7", kind, text, gh)
    assert gh.comments == {
        1: "a person's words",
        2: "<!-- contender: comparison -->\nsecond",
        3: "<!-- contender: diff -->\ndev",
    }


def test_a_comment_is_never_longer_than_github_takes() -> None:
    gh = Gh()
    comment("o/r", "7", "comparison", "| a | b |\n" * 10_000, gh)
    assert len(gh.comments[2]) < 65_536
    assert gh.comments[2].endswith("… (cut; the run's summary and artifact have it whole)")


@pytest.mark.parametrize(("repository", "number"), [("", "7"), ("o/r", ""), ("o/r", "x; rm")])
def test_without_a_pull_request_there_is_nothing_to_write_to(repository: str, number: str) -> None:
    with pytest.raises(DeliveryError, match="a comment needs GITHUB_REPOSITORY=owner/name and PULL_REQUEST=number"):
        comment(repository, number, "diff", "text", Gh())


@pytest.mark.parametrize(
    "title",
    [
        # examples of the specification, conventionalcommits.org 1.0.0
        "feat: allow provided config object to extend other configs",
        "feat!: send an email to the customer when a product is shipped",
        "feat(api)!: send an email to the customer when a product is shipped",
        "chore!: drop support for Node 6",
        "docs: correct spelling of CHANGELOG",
        "feat(lang): add Polish language",
    ],
)
def test_conventional_titles_pass(title: str) -> None:
    assert complaint(title) == ""


@pytest.mark.parametrize(
    "title", ["", "Fixed it", "feat:", "feat:x", "Feat: x", "feat(): x", "wip: x", "feat: " + "x" * 100]
)
def test_other_titles_are_refused_with_an_example(title: str) -> None:
    assert complaint(title)


@pytest.mark.parametrize("module", ["titles", "required", "training"])
def test_what_runs_before_anything_is_installed_needs_nothing(module: str) -> None:
    """As on a machine with Python alone: without site-packages, and without this environment's."""
    alone = [sys.executable, "-I", "-S", "-c"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import delivery.{module}"
    subprocess.run([*alone, code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("results", "may_be_skipped", "said"),
    [
        ({"gate": "success", "demo": "success"}, "", ""),
        ({"gate": "success", "sonar": "skipped"}, "sonar", ""),
        ({"gate": "success", "sonar": "failure"}, "sonar", "sonar ended with a failure"),
        ({"gate": "skipped"}, "", "gate was skipped"),
        ({"gate": "cancelled"}, "sonar gate", "gate was cancelled"),
        ({}, "", "NEEDS must be the results of jobs"),
    ],
)
def test_a_merge_waits_for_every_job_but_those_that_the_event_does_not_run(
    results: dict[str, str],
    may_be_skipped: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NEEDS", json.dumps({job: {"result": result, "outputs": {}} for job, result in results.items()}))
    monkeypatch.setenv("MAY_BE_SKIPPED", may_be_skipped)
    assert required.main() == int(bool(said))
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("needs", ["", "null", "[]", "gate", '{"gate": "success"}'])
def test_results_that_cannot_be_read_let_nothing_through(needs: str) -> None:
    assert "NEEDS must be the results of jobs" in required.complaint(needs)


@pytest.mark.parametrize(
    "title", ["$(shell touch found)", "`touch found`", '"; touch found; "', "${IFS}$(touch found)", "-h"]
)
def test_a_title_is_taken_for_a_title_by_make_by_the_shell_and_by_the_program(title: str, tmp_path: Path) -> None:
    """As the workflow hands it over, in the environment; what is written behind `make title` is make's own language."""
    environment = {"PATH": os.environ["PATH"], "TITLE": f"fix: {title}"}
    make = ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), "title", f"PYTHON={sys.executable}"]
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "found").exists()

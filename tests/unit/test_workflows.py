"""The workflows run targets of the Makefile, with actions pinned by commit, and give forks nothing."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.cdk import PACKAGE

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in GITHUB.glob("workflows/*.yml")}
"""YAML 1.1 reads the key `on` as true."""
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in GITHUB.glob("workflows/*.yml")}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")
LOCAL = re.compile(r"uses: \$/\.github/workflows/[\w-]+\.yml$")
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
RUN_BY = {
    "test": ".ci/run",
    "properties": ".ci/run",
    "test-containers": ".ci/run",
    "check": ".ci/run",
    "state-machines": ".ci/run",
    "life-cycle": ".ci/run",
    "storm": ".ci/run",
    "sbom": "tests/unit/scans/test_scans.py",
    "audit": "tests/unit/scans/test_scans.py",
    "title": "tests/unit/delivery/test_pull_requests.py",
    "required": "tests/unit/delivery/test_pull_requests.py",
    "due": "tests/unit/delivery/test_training.py",
    "secrets": "tests/unit/scans/test_scans.py",
    "coverage": "tests/unit/delivery/test_summary.py::test_the_summary_says_what_failed_and_how_much_was_covered",
    "demo": "tests/e2e/test_readme.py",
    "down": "tests/e2e/test_readme.py",
    "install": "Makefile",
    "image": "tests/containers/test_serving.py",
    "diff": "tests/unit/delivery/test_deploy.py",
    "deploy": "tests/unit/delivery/test_deploy.py",
    "smoke": "tests/unit/delivery/test_smoke.py",
    "roll-back": "tests/stacks/test_cdk_life_cycle.py",
    "train": "tests/unit/delivery/test_training.py",
    "compare": "tests/unit/delivery/test_replays.py",
    "comment": "tests/unit/delivery/test_pull_requests.py",
    "release": "tests/unit/delivery/test_release.py",
    "publish": "tests/unit/delivery/test_release.py",
}
"""What runs each target, or the code behind it, on a laptop."""


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for workflow, content in WORKFLOWS.items():
        for name, job in content["jobs"].items():
            yield workflow, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for workflow, name, job in jobs():
        for step in job.get("steps", ()):
            yield f"{workflow}.{name}", step


def events(workflow: str) -> set[str]:
    return set(WORKFLOWS[workflow][True])


def test_every_step_that_runs_something_is_a_target_of_the_makefile_that_something_here_runs_too() -> None:
    run = {place: step["run"] for place, step in steps() if "run" in step}
    commands = [step["run"] for _, step in steps() if "run" in step]
    assert run
    assert [one for one in commands if not re.fullmatch(r"make [a-z-]+( [A-Z_]+=[\w./-]+)*", one)] == []
    used = {one.split()[1] for one in commands}
    assert used <= TARGETS
    assert used == set(RUN_BY)
    for target, by in RUN_BY.items():
        file, _, test = by.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text if test else text, target
        assert file != ".ci/run" or f"make {target}" in text, target


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it() -> None:
    lines = [line.split("uses: ", 1)[1] for text in TEXTS.values() for line in text.splitlines() if "uses: " in line]
    assert len(lines) > 20
    assert [one for one in lines if not PINNED.fullmatch(f"uses: {one}") and not LOCAL.fullmatch(f"uses: {one}")] == []
    by_action: dict[str, set[str]] = {}
    for one in lines:
        by_action.setdefault("/".join(one.split("@")[0].split("/")[:2]), set()).add(one.partition("@")[2])
    assert {action: pins for action, pins in by_action.items() if len(pins) > 1} == {}


def test_a_job_states_its_permissions_its_time_and_what_it_does_not_run_beside() -> None:
    assert {workflow: content["permissions"] for workflow, content in WORKFLOWS.items()} == {
        name: {} for name in WORKFLOWS
    }
    for workflow, name, job in jobs():
        assert job["permissions"], f"{workflow}.{name}"
        assert set(job["permissions"].values()) <= {"read", "write"}
        assert "uses" in job or job["timeout-minutes"] <= 120, f"{workflow}.{name}"
        of_its_own = "concurrency" in job or "id-token" not in job["permissions"]
        assert "concurrency" in WORKFLOWS[workflow] or of_its_own, f"{workflow}.{name}"


def test_nothing_that_changes_an_account_is_cancelled_half_way_or_waits_for_another_merge_s_approval() -> None:
    for workflow, name, job in jobs():
        if "environment" in job and "concurrency" in job:
            assert job["concurrency"]["cancel-in-progress"] is False, f"{workflow}.{name}"
    pushed = WORKFLOWS["deploy"]["concurrency"]
    assert pushed["group"].endswith("|| github.run_id }}")
    assert pushed["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_a_fork_gets_no_secret_no_identity_and_nothing_to_write() -> None:
    assert all(events(workflow).isdisjoint({"pull_request_target", "workflow_run"}) for workflow in WORKFLOWS)
    of_forks = [(w, name, job) for w, name, job in jobs() if "pull_request" in events(w)]
    for workflow, name, job in of_forks:
        trusted = is_trusted(job) or any(is_trusted(WORKFLOWS[workflow]["jobs"][before]) for before in needed(job))
        asks = "secrets" in job or "${{ secrets." in json.dumps(job) or job.get("environment")
        writes = {scope for scope, right in job["permissions"].items() if right == "write"} - {"security-events"}
        assert trusted or not (asks or writes), f"{workflow}.{name}"
    assert set(re.findall(r"secrets\.(\w+)", " ".join(TEXTS.values()))) == {"SONAR_TOKEN"}


def is_trusted(job: dict[str, Any]) -> bool:
    condition = str(job.get("if", ""))
    return SAME_REPOSITORY in condition or "github.event_name == 'push' &&" in condition


def needed(job: dict[str, Any]) -> list[str]:
    return [job["needs"]] if isinstance(job.get("needs"), str) else list(job.get("needs", ()))


UNTRUSTED = re.compile(
    r"github\.(head_ref|event\.(issue|comment|review|pages|commits|head_commit|workflow_run|pull_request\.(title|body|head)))"
)
"""What whoever opens a pull request writes, branch names included; head.sha and head.repo are GitHub's own."""


def test_what_strangers_write_reaches_a_program_only_as_a_variable_of_its_environment() -> None:
    for place, step in steps():
        assert not step.get("uses", "").startswith("actions/github-script@"), place
        outside = json.dumps({key: value for key, value in step.items() if key not in ("env", "if")})
        found = {match[0] for match in UNTRUSTED.finditer(outside)}
        assert found == set(), place


def test_an_artifact_is_one_of_the_same_run_and_lands_in_a_folder_where_nothing_is_run() -> None:
    fetched = [(place, step["with"]) for place, step in steps() if "actions/download-artifact@" in step.get("uses", "")]
    assert {place for place, _ in fetched} == {"compare.comment", "deploy.comment", "release.publish", "sonar.sonar"}
    for place, asked in fetched:
        assert set(asked) == {"name", "path"}, place  # no other run's, no other repository's
        assert asked["path"] in {"reports", "dist"}, place


def test_a_job_that_may_write_to_a_pull_request_runs_code_of_its_base_and_a_checkout_keeps_no_token() -> None:
    for workflow, name, job in jobs():
        checkouts = [step["with"] for step in job.get("steps", ()) if "actions/checkout@" in step.get("uses", "")]
        assert all(one["persist-credentials"] is False for one in checkouts)
        if job["permissions"].get("pull-requests") == "write":
            assert [one["ref"] for one in checkouts] == ["${{ github.event.pull_request.base.sha }}"], (
                f"{workflow}.{name}"
            )


def test_aws_is_reached_by_a_session_of_a_role_and_never_by_a_lasting_key() -> None:
    assert not any(re.search(r"(?i)access[-_]key", text) for text in TEXTS.values())
    asked = [step["with"] for _, step in steps() if "configure-aws-credentials@" in step.get("uses", "")]
    assert len(asked) == 4
    assert all("role-to-assume" in one for one in asked)
    for workflow, name, job in jobs():
        if any("configure-aws-credentials@" in step.get("uses", "") for step in job.get("steps", ())):
            assert job["permissions"]["id-token"] == "write", f"{workflow}.{name}"


def test_what_deploys_is_the_version_of_the_cdk_that_make_check_ran() -> None:
    shown = subprocess.run(
        ["make", "--silent", "--eval", "version: ; @echo $(CDK)", "version"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == f"{PACKAGE}\n"
    assert re.fullmatch(r"aws-cdk@2\.\d+\.\d+", PACKAGE)
    named = [line for line in MAKEFILE.splitlines() if "npx" in line and "cdk" in line.lower()]
    assert named
    assert all("npx --yes $(CDK) " in line for line in named)


def test_pages_and_new_repositories_name_the_version_of_the_cdk_that_deploys() -> None:
    files = [*ROOT.glob("docs/*.md"), *ROOT.glob("contender/cli/new_repository/files/*")]
    named = {
        path.name: set(re.findall(r"aws-cdk(?:@[\w.]*)?(?= |`|$)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in files
    }
    assert {name: versions for name, versions in named.items() if versions - {PACKAGE}} == {}
    assert {"deploy.md", "delivery.md", "environments.md", "Makefile.template"} <= {n for n in named if named[n]}


def test_prod_is_deployed_after_dev_and_only_when_a_person_has_approved_it() -> None:
    stages = WORKFLOWS["deploy"]["jobs"]
    assert (stages["dev"]["with"], stages["prod"]["with"]) == ({"stage": "dev"}, {"stage": "prod"})
    assert stages["prod"]["needs"] == "dev"
    stage = WORKFLOWS["stage"]["jobs"]["deploy"]
    assert stage["environment"] == "${{ inputs.stage }}"
    run = [(step["run"], step.get("if", "")) for step in stage["steps"] if "run" in step][1:]
    assert [target for target, _ in run] == ["make deploy", "make smoke", "make roll-back", "make smoke"]
    assert "steps.deploy.outcome == 'failure' || steps.smoke.outcome == 'failure'" in run[2][1]
    for asked in ("prod", "release"):
        settings = json.loads((GITHUB / "environments" / asked / "environment.json").read_text(encoding="utf-8"))
        assert settings["reviewers"]
        assert settings["prevent_self_review"] is True


def test_an_environment_says_from_where_it_is_deployed_and_a_release_is_none_of_prod() -> None:
    """ "Protected branches" are those of GitHub's older rules, of which there are none here; and a tag is no branch."""
    named = {job["environment"] for *_, job in jobs() if "environment" in job} - {"${{ inputs.stage }}"} | {
        "dev",
        "prod",
    }
    assert named == {path.name for path in GITHUB.glob("environments/*")}
    origins = {}
    for name in named:
        folder = GITHUB / "environments" / name
        policy = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["deployment_branch_policy"]
        assert policy == {"protected_branches": False, "custom_branch_policies": True}
        origins[name] = json.loads((folder / "deploys-from.json").read_text(encoding="utf-8"))
    main, tags = {"name": "main", "type": "branch"}, {"name": "v*", "type": "tag"}
    assert origins == {"dev": main, "prod": main, "release": tags}
    assert WORKFLOWS["release"]["jobs"]["publish"]["environment"] == "release"


NOT_REQUIRED = {"ci": {"step-functions-local"}, "security": set()}
"""Jobs that no merge waits for; ci.yml says why."""


@pytest.mark.parametrize("workflow", NOT_REQUIRED)
def test_one_job_of_a_workflow_stands_for_all_of_them_whatever_they_are_called(workflow: str) -> None:
    jobs_of = dict(WORKFLOWS[workflow]["jobs"])
    last = jobs_of.pop("required")
    assert last["name"] == workflow
    assert last["if"] == "${{ always() }}"  # skipped, it would count as passed
    assert set(last["needs"]) == set(jobs_of) - NOT_REQUIRED[workflow]
    sometimes = {name for name, job in jobs_of.items() if "if" in job}
    assert set(re.findall(r"&& '([a-z-]+)'", last["steps"][-1]["env"]["MAY_BE_SKIPPED"])) == sometimes


def test_a_required_check_reports_on_every_pull_request() -> None:
    """One that is filtered by path or branch never reports, and a merge waits for it for ever."""
    for workflow in (*NOT_REQUIRED, "title"):
        asked = WORKFLOWS[workflow][True]["pull_request"] or {}
        assert set(asked) <= {"types"}, workflow
    assert {"opened", "reopened", "synchronize", "edited"} == set(WORKFLOWS["title"][True]["pull_request"]["types"])


def test_what_must_pass_before_a_merge_is_what_jobs_report() -> None:
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset("main")["rules"]}
    assert {"deletion", "non_fast_forward", "required_signatures", "pull_request", "required_status_checks"} <= set(
        rules
    )
    required = {one["context"] for one in rules["required_status_checks"]["required_status_checks"]}
    assert required == {*NOT_REQUIRED, "title"}
    assert [tool["tool"] for tool in rules["code_scanning"]["code_scanning_tools"]] == [
        "CodeQL"
    ]  # its job passes with findings
    assert rules["pull_request"]["required_approving_review_count"] >= 1
    assert rules["pull_request"]["require_code_owner_review"] is True


def ruleset(name: str) -> dict[str, Any]:
    found = json.loads((GITHUB / "rulesets" / f"{name}.json").read_text(encoding="utf-8"))
    assert (found["name"], found["enforcement"], found["bypass_actors"]) == (name, "active", [])
    return dict(found)


def test_a_tag_of_a_release_is_never_moved() -> None:
    assert {rule["type"] for rule in ruleset("releases")["rules"]} >= {"update", "deletion"}


def test_the_owners_name_folders_that_are_there() -> None:
    lines = (GITHUB / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    named = [line.split()[0] for line in lines if line.startswith("/")]
    assert named
    assert [path for path in named if not (ROOT / path.strip("/")).exists()] == []


@pytest.mark.parametrize(
    "name", ["dependabot.yml", "ISSUE_TEMPLATE/bug.yml", "ISSUE_TEMPLATE/idea.yml", "ISSUE_TEMPLATE/config.yml"]
)
def test_the_other_files_of_github_are_read(name: str) -> None:
    assert yaml.safe_load((GITHUB / name).read_text(encoding="utf-8"))


def test_sonar_asks_for_the_coverage_of_what_is_measured_and_of_nothing_else() -> None:
    lines = (ROOT / "sonar-project.properties").read_text(encoding="utf-8").splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    omitted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]["run"]["omit"]
    sources = set(said["sonar.sources"].split(","))
    unmeasured = {path.replace("/*", "/**") for path in omitted if path.removesuffix("/*") in sources}
    assert set(said["sonar.coverage.exclusions"].split(",")) == unmeasured
    assert all((ROOT / path).exists() for path in sources)


def check_commands() -> list[str]:
    """The lines of `make check`, without the path of .venv."""
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    return [line.strip().replace("$(BIN)/", "") for line in recipe[1].splitlines()]


def test_the_hooks_check_what_make_check_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    entries = [hook["entry"].replace(".venv/bin/", "").replace(" --force-exclude", "") for hook in hooks]
    by_check = " | ".join(check_commands())
    for entry in entries:
        # ruff is told the changed files, and formats where the gate only looks; scans run one by one
        asked = {"ruff format": "ruff format --check .", "ruff check": "ruff check ."}.get(entry, entry)
        asked = "workflows" if entry == "python -m scans workflows" else asked
        assert asked in by_check, entry
    quick = ["ruff format", "ruff check", "mypy", "lint-imports", "python -m scans workflows"]
    assert [one for one in quick if not any(entry.startswith(one) for entry in entries)] == []

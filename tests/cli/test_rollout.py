"""`contender rollback --direct` and `contender trial`: what a person does to the pointer, written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import boto3
import pytest

from contender.cli.caller import caller_of
from contender.cli.clouds import LOCAL, Cloud, Workbench
from contender.cli.commands.rollback import put_back, swap_from_here, what_was_undone
from contender.cli.commands.trial import begin_trial, stop_trial
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.swaps import promote
from contender.registry.versions import ModelRegistry
from tests.aws_in_process import Held
from tests.conftest import create_bucket, create_runs_table

OUTPUTS = {"ModelBucketName": "models", "RunsTableName": "runs", "RollbackMachineArn": "arn:aws:states:us-east-1:1:x"}
OUTPUTS |= {"HistoryKeyArn": ""}


@pytest.fixture
def bench(aws: None) -> Workbench:
    """A pipeline whose champion is v2, and v1 before it."""
    held, made = filled()
    held.put_back()
    return made


@cache
def filled() -> tuple[Held, Workbench]:
    """Written once for all tests, which find it as it was."""
    create_bucket("models")
    create_runs_table()
    cloud = Cloud(boto3.Session(), None, lambda stack, name: OUTPUTS[name], lambda url: url)
    made = Workbench(cloud, LOCAL, "shop")
    for version in ("v1", "v2", "v3"):
        ModelRegistry(made.models, "shop").write({"version": version}, {})
    for version in ("v1", "v2"):
        crown(made, version)
    return Held(), made


def crown(bench: Workbench, version: str) -> None:
    found = read_pointer(bench.models, "shop")
    promote(
        bench.models,
        pipeline="shop",
        version=version,
        manifest_sha256=ModelRegistry(bench.models, "shop").read(version).manifest_sha256,
        judged_against=found.etag if found else None,
        run_id=f"run of {version}",
        fencing_token=1,
        now=datetime.now(UTC).isoformat(),
        reason="it wins",
    )


def pointer(bench: Workbench) -> Pointer:
    found = read_pointer(bench.models, "shop")
    assert found is not None
    return found.pointer


def begin(
    bench: Workbench, version: str = "v3", *, weight: float = 0.2, mode: str = "canary", hours: float = 2
) -> Pointer:
    return begin_trial(bench, version=version, weight=weight, mode=mode, hours=hours)


def test_a_rollback_from_here_is_in_the_history_and_among_the_runs(bench: Workbench) -> None:
    assert swap_from_here(bench, reason="a drill").champion == "v1"
    entry = bench.ledger.promotions("shop")[0]
    assert (entry["kind"], entry["champion"], entry["reason"]) == ("rollback", "v1", "rolled back: a drill")
    assert entry["by"] == caller_of(bench)
    (run,) = bench.ledger.runs("shop")
    assert (run["verdict"], run["champion_before"], run["champion_after"]) == ("rolled_back", "v2", "v1")
    assert (run["trigger"], "a drill" in run["reason"]) == ("manual", True)


def test_a_person_may_go_back_and_forth(bench: Workbench) -> None:
    assert [swap_from_here(bench, reason="a drill").champion for _ in range(2)] == ["v1", "v2"]


def test_who_goes_back_twice_is_told_that_the_first_is_undone(bench: Workbench) -> None:
    first, second, third = pointer(bench), *(swap_from_here(bench, reason="it fails") for _ in range(2))
    assert what_was_undone(first, second, bench.where) == "[bold]v1[/bold] serves again; v2 was rolled back"
    said = what_was_undone(second, third, bench.where)
    assert (
        "v2 had itself been rolled back, which this has undone. Back to v1: contender rollback --pipeline shop" in said
    )


def test_what_cannot_be_rolled_back_says_why(bench: Workbench) -> None:
    create_runs_table("other")
    with pytest.raises(ContenderError, match="nothing was rolled back: nobody has no champion yet"):
        swap_from_here(Workbench(bench.cloud, LOCAL, "nobody"), reason="a drill")


def test_without_the_machine_the_way_around_it_is_named(bench: Workbench) -> None:
    with pytest.raises(ContenderError, match="use `contender rollback --direct`, which works without it"):
        put_back(bench, reason="a drill")
    assert pointer(bench).champion == "v2"


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_a_trial_begins_beside_the_champion_and_ends_by_itself(bench: Workbench, mode: str) -> None:
    before = datetime.now(UTC)
    trial = begin(bench, mode=mode).challenger
    assert trial is not None
    assert (trial.version, trial.weight, trial.mode, pointer(bench).champion) == ("v3", 0.2, mode, "v2")
    assert trial.manifest_sha256 == ModelRegistry(bench.models, "shop").read("v3").manifest_sha256
    assert timedelta(hours=2) <= datetime.fromisoformat(trial.until) - before < timedelta(hours=2, minutes=5)
    entry = bench.ledger.promotions("shop")[0]
    assert (entry["kind"], entry["by"], entry["run_id"]) == (mode, caller_of(bench), trial.run_id)


@pytest.mark.parametrize("bad", [True, False])
def test_a_trial_that_is_ended_is_over_and_held_against_it_where_it_was_worse(bench: Workbench, bad: bool) -> None:
    begin(bench)
    trial, after = stop_trial(bench, bad=bad)
    assert (trial.version, after.challenger, after.rolled_back) == ("v3", None, ("v3",) if bad else ())
    assert bench.ledger.promotions("shop")[0]["kind"] == ("rollback" if bad else "trial ended")


def test_the_history_has_no_gap_where_a_run_died_before_it_wrote_its_promotion_down(bench: Workbench) -> None:
    assert bench.ledger.promotions("shop") == []
    begin(bench)
    stop_trial(bench, bad=False)
    crown(bench, "v3")
    swap_from_here(bench, reason="a drill")
    kinds = [entry["kind"] for entry in reversed(bench.ledger.promotions("shop"))]
    assert kinds == ["promotion", "canary", "trial ended", "promotion", "rollback"]


def test_a_version_that_was_rolled_back_may_be_tried_again_by_a_person(bench: Workbench) -> None:
    begin(bench)
    stop_trial(bench, bad=True)
    again = begin(bench)
    assert (again.challenger is not None, again.rolled_back) == (True, ())


def test_a_trial_that_is_on_is_not_replaced_and_one_that_is_over_is(bench: Workbench) -> None:
    begin(bench, hours=0.0000001)
    begin(bench)
    with pytest.raises(
        InvalidInputError, match=r"a trial of v3 is running; end it with: .* trial end --pipeline shop$"
    ):
        begin(bench)
    with pytest.raises(InvalidInputError, match="contender trial end --pipeline shop --env prod"):
        begin(replace(bench, environment="prod"))  # typed without it, the command would end one of the local cloud


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"mode": "loud"}, "--mode must be canary or shadow, but got 'loud'"),
        ({"hours": 0.0}, "--hours must be above 0 and at most 336, but got 0"),
        ({"hours": 400.0}, "at most 336, but got 400"),
        ({"weight": 0.0}, "weight must be above 0 and at most 1, but got 0.0"),
        ({"version": "v2"}, "another than the champion"),
    ],
)
def test_options_out_of_their_bounds_are_named(bench: Workbench, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        begin(bench, **options)  # type: ignore[arg-type]
    assert pointer(bench).challenger is None


def test_a_version_that_does_not_exist_is_not_tried(bench: Workbench) -> None:
    with pytest.raises(NotFoundError):
        begin(bench, "v9")


def test_without_a_trial_there_is_none_to_end(bench: Workbench) -> None:
    with pytest.raises(NotFoundError, match="shop has no running trial"):
        stop_trial(bench, bad=False)


def test_in_an_account_the_history_names_the_callers_identity(bench: Workbench) -> None:
    assert caller_of(Workbench(bench.cloud, "prod", "shop")).startswith("arn:aws:sts::")

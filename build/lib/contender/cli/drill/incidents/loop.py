"""Incidents of the loop: uploads and runs."""

from __future__ import annotations

from contender.cli.drill.faults import training
from contender.cli.drill.incident import Expected
from contender.cli.drill.incidents.plan import Incident, every
from contender.cli.drill.scene import Scene
from contender.cli.drill.shop import visits
from contender.cli.follow_run import run_of
from contender.errors import ContenderError
from contender.pulse.runs import DEFAULT_MINUTES

ATTEMPTS = 6
"""A training that is killed may have ended just before."""
FAILED_RUNS = 2
DRIFTED_RUNS = 3


def _poison(scene: Scene) -> None:
    rows = visits(20)
    poisoned = rows.assign(amount=rows["amount"].map("{:.2f} dollars".format))
    scene.has_ended(scene.upload("poisoned.csv", poisoned), "quarantined")


def _champion_stays(scene: Scene) -> str:
    return "champion kept, file in quarantine" if scene.pointer() else ""


POISON_FILE = Incident(
    "poison-file",
    "An upload has text where numbers belong.",
    Expected("", "ticket", 1.0, heals="the file is in quarantine, the champion stays"),
    prepare=Scene.first_champion,
    strike=_poison,
    healed=_champion_stays,
)


def _kill_two_trainings(scene: Scene) -> None:
    failed = 0
    for attempt in range(1, ATTEMPTS + 1):
        rows = visits(20 * attempt, shift=3.0 * attempt, turned=attempt % 2 == 1)
        execution = scene.upload(f"killed-{attempt}.csv", rows)
        training.kill(scene.bench, scene.root, run_of(execution))
        failed += scene.has_ended(execution)["verdict"] == "failed"
        if failed == FAILED_RUNS:
            return
    raise ContenderError(f"{FAILED_RUNS} trainings were to be killed, but {failed} of {ATTEMPTS} were")


TRAINING_KILLED = Incident(
    "training-killed",
    "Two trainings in a row are killed.",
    Expected("loop-stuck", "ticket", 15.0),
    prepare=Scene.first_champion,
    strike=_kill_two_trainings,
    sections=f"\n[alarms]\nfailed_runs = {FAILED_RUNS}\n",
)


def _stop_training(scene: Scene) -> None:
    execution = scene.upload("stopped.csv", visits(20, shift=3.0, turned=True))
    training.stop(scene.bench, scene.root, run_of(execution))
    scene.put("waiting.csv", visits(40, shift=3.0, turned=True).to_csv(index=False).encode())


TRAINING_STOPPED = Incident(
    "training-stopped",
    "A training hangs, and an upload waits.",
    Expected("loop-stuck", "ticket", 30.0),
    prepare=Scene.first_champion,
    strike=_stop_training,
    looks=every(5.0, 30.0, 60.0),
    due_minutes=DEFAULT_MINUTES,
)


def _drift_three_times(scene: Scene) -> None:
    for number in range(1, DRIFTED_RUNS + 1):
        rows = visits(20 * number, shift=4.0 * number, turned=number % 2 == 1)
        record = scene.has_ended(scene.upload(f"drifted-{number}.csv", rows), "retained")
        if not record["drifted_features"]:
            raise ContenderError(f"run {record['run_id']} was to find drift, but: {record['reason']}")


DRIFT_IGNORED = Incident(
    "drift-ignored",
    "Three runs find drift, and no challenger is promoted.",
    Expected("model-stale", "ticket", 15.0),
    prepare=Scene.first_champion,
    strike=_drift_three_times,
    sections='rule = "proven"\nmin_effect = 0.9\n',
)

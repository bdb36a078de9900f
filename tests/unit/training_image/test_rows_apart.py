"""The training task keeps groups on one side of its splits, and trains anew once rows were deleted."""

from __future__ import annotations

import numpy as np

from contender.adapters.files.parquet_rows import keep_rows, read_parquet
from contender.data.deletion.delete_rows import PartFiles, RowDeletion
from contender.data.relatives import groups_of
from contender.pipeline.config import parse_pipeline
from contender.registry.learned_groups import GROUPS, LearnedGroups
from contender.table import Table
from tests.unit.training_image.training_world import PIPELINE_FILE, World, rows_of

COLUMNS = 'row_id = "id"\ngroup = "customer"\n'


def world_with_customers() -> World:
    """Two datasets of six days: each day has customers of its own, and every fifth row is of a regular."""
    world = World()
    world.start("run-1", COLUMNS + PIPELINE_FILE)
    for number in range(2):
        rows = rows_of(range(6 * number, 6 * number + 6), seed=number)
        every = np.arange(len(rows))
        customers = np.where(every % 5 == 0, "regular", [f"{number}-{row // 50}" for row in every]).astype(object)
        ids = np.array([f"R{number}-{row}" for row in every], dtype=object)
        world.add_dataset(number, Table({**rows.columns, "customer": customers, "id": ids}))
    return world


def test_rows_of_known_groups_judge_no_model_and_every_report_says_so() -> None:
    world = world_with_customers()
    report = world.run()
    model = world.registry.read(report["model_version"])
    said = "20 of 100 rows left out: their customer is in the training rows."
    assert (report["holdout_rows"], report["holdout_left_out"]["said"]) == (80, said)
    assert model.manifest["holdout"]["left_out"]["related"] == 20
    assert f"holdout: {said}" in " ".join(world.lines)
    learned = LearnedGroups.from_bytes(world.registry.file(model, GROUPS))
    parts = [read_parquet(world.store.part(found)) for found in world.store.manifests()]
    assert learned.served.tolist() == groups_of(Table.concatenate(parts), "customer").tolist()
    assert len(learned.judged) == len(learned.served) - 2  # the days of the holdout


def test_once_rows_are_deleted_the_same_training_is_no_repetition() -> None:
    world = world_with_customers()
    first = world.run()
    config = parse_pipeline(COLUMNS + PIPELINE_FILE)
    deletion = RowDeletion(world.data, config, PartFiles(read_parquet, keep_rows))
    deletion.delete(deletion.find(["R1-7", "R1-8"]), at="2026-01-02", by="Ada")
    world.start("run-2", COLUMNS + PIPELINE_FILE)
    second = world.run(hour=7)
    assert (second["reused"], second["datasets"]) == (False, first["datasets"])
    assert second["refitted_rows"] == first["refitted_rows"] - 2

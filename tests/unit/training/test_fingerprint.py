"""What a model is made of, as one digest: it changes with what shapes the model, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contender.pipeline.config import overridden, parse_pipeline
from contender.training.fingerprint import REQUIREMENTS, code_sha256, fingerprint, recipe_sha256
from contender.training.settings import settings_of

ROOT = Path(__file__).resolve().parents[3]
CODE = {
    "training_image/__init__.py": "",
    "training_image/train.py": "from contender import data\nimport contender.words as w\n",
    "training_image/own.py": "# an estimator that the pipeline file names: nobody imports it\n",
    "training_image/requirements.txt": "numpy==2\n",
    "contender/__init__.py": "",
    "contender/data.py": "def read():\n    from contender.files.parquet import rows\n    return rows\n",
    "contender/words.py": "from contender.data import read\n",
    "contender/files/__init__.py": "",
    "contender/files/parquet.py": "rows = 1\n",
    "contender/reports/html.py": "from contender import words\n",
}
CONFIG = parse_pipeline('name = "p"\ntask = "regression"\ntarget = "y"\nnumeric = ["a"]\n')


@pytest.fixture
def digest(tmp_path: Path) -> Any:
    """The digest of a project with these files."""

    def of(files: dict[str, str]) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return code_sha256(root)

    return of


@pytest.mark.parametrize(
    "name",
    [
        "training_image/train.py",
        "training_image/own.py",
        "training_image/requirements.txt",
        "contender/data.py",
        "contender/words.py",
        "contender/files/__init__.py",
        "contender/files/parquet.py",
    ],
)
def test_the_digest_of_the_code_changes_with_what_training_runs(digest: Any, name: str) -> None:
    assert digest(CODE) != digest(CODE | {name: CODE[name] + "# changed\n"})


def test_a_new_module_counts_when_something_imports_it(digest: Any) -> None:
    new = {"contender/new.py": "x = 1\n"}
    assert digest(CODE) == digest(CODE | new)
    importing = CODE | {"contender/words.py": "import contender.new\n"}
    assert digest(importing) != digest(importing | new)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("contender/reports/html.py", "changed = True\n"),
        ("contender/cli/main.py", "new = True\n"),
        ("lambdas/claim/handler.py", "new = True\n"),
        ("contender/words.css", "new\n"),
        ("training_image/Dockerfile", "FROM scratch\n"),
    ],
)
def test_the_digest_of_the_code_does_not_change_with_what_training_never_reads(
    digest: Any, name: str, text: str
) -> None:
    assert digest(CODE) == digest(CODE | {name: text})


def test_moving_code_between_files_is_a_change(digest: Any) -> None:
    assert digest(CODE) != digest(CODE | {"contender/data.py": CODE["contender/words.py"], "contender/words.py": ""})


def test_the_projects_own_digest_is_over_its_pins_and_its_training() -> None:
    assert len(code_sha256(ROOT)) == 64
    assert (ROOT / REQUIREMENTS).is_file()


@pytest.mark.parametrize(
    "assignment",
    ["training.seed=8", "training.parameters={ max_iter = 5 }", "training.estimator=linear", 'numeric=["a", "b"]'],
)
def test_a_change_of_what_shapes_the_model_changes_both_digests(assignment: str) -> None:
    before, after = settings_of(CONFIG), settings_of(overridden(CONFIG, [assignment]))
    assert recipe_sha256("c", before) != recipe_sha256("c", after)
    assert fingerprint("c", before, ["d"]) != fingerprint("c", after, ["d"])


@pytest.mark.parametrize(
    "assignment",
    [
        "training.memory_mib=8192",
        "training.cpu=2048",
        "training.time_limit_seconds=60",
        "training.retrain_growth=3",
        "search.seconds=60",  # of a search that tries nothing
        "promotion.min_effect=0.2",
        "promotion.metric=rmse",  # no search goes by it
        "training.auto_seconds=5",  # of a competition that does not take place
        "drift.alpha=0.01",
        'schedule.expression="rate(1 day)"',
        'description="for people"',
    ],
)
def test_a_change_of_anything_else_changes_neither(assignment: str) -> None:
    before, after = settings_of(CONFIG), settings_of(overridden(CONFIG, [assignment]))
    assert recipe_sha256("c", before) == recipe_sha256("c", after)
    assert fingerprint("c", before, ["d"]) == fingerprint("c", after, ["d"])


@pytest.mark.parametrize(
    "assignment", ["promotion.metric=rmse", "training.auto_seconds=5", "training.estimator=linear"]
)
def test_an_estimator_is_chosen_by_the_metric_within_a_budget(assignment: str) -> None:
    chosen = overridden(CONFIG, ["training.parameters={}", "training.estimator=auto"])
    before, after = settings_of(chosen), settings_of(overridden(chosen, [assignment]))
    assert fingerprint("c", before, ["d"]) != fingerprint("c", after, ["d"])


def test_another_window_is_another_recipe_but_makes_the_same_of_the_same_data() -> None:
    before, after = settings_of(CONFIG), settings_of(overridden(CONFIG, ["training.window_batches=3"]))
    assert recipe_sha256("c", before) != recipe_sha256("c", after)
    assert fingerprint("c", before, ["d"]) == fingerprint("c", after, ["d"])


def test_the_order_of_the_data_counts_because_rows_are_read_in_it() -> None:
    settings = settings_of(CONFIG)
    assert fingerprint("c", settings, ["d1", "d2"]) != fingerprint("c", settings, ["d2", "d1"])
    assert fingerprint("c", settings, ["d1"]) != fingerprint("k", settings, ["d1"])


@pytest.mark.parametrize("assignment", ["search.seconds=60", "promotion.metric=rmse"])
def test_a_budget_and_a_metric_count_where_a_search_goes_by_them(assignment: str) -> None:
    searching = overridden(CONFIG, ["search.space={ learning_rate = [0.1, 0.2] }", "search.trials=5"])
    before, after = settings_of(searching), settings_of(overridden(searching, [assignment]))
    assert recipe_sha256("c", before) != recipe_sha256("c", after)

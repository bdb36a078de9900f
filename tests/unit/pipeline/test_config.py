"""The pipeline file: what is right is read, what is wrong is told by key, bound and value."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig, load_pipeline, load_pipelines, parse_pipeline
from contender.pipeline.docs_page import pipeline_file_keys, pipeline_file_reference

ROOT = Path(__file__).parents[3]

MINIMAL = """
name = "shop"
task = "regression"
target = "price"
numeric = ["area"]
"""


def refused(text: str) -> str:
    with pytest.raises(PipelineFileError) as error:
        parse_pipeline(text)
    assert "\n" not in str(error.value)
    return str(error.value)


def minimal(**changes: str) -> str:
    """The smallest file with some lines changed; an empty value takes the line away."""
    lines = {"name": '"shop"', "task": '"regression"', "target": '"price"', "numeric": '["area"]'} | changes
    return "\n".join(f"{name} = {value}" for name, value in lines.items() if value)


Place = tuple[str, str, Any, "dataclasses.Field[Any]"]


def keys(section: type[Any] = PipelineConfig, name: str = "") -> Iterator[Place]:
    """Section, name, type and field of every key."""
    hints = typing.get_type_hints(section)
    for setting in dataclasses.fields(section):
        if setting.metadata.get("internal"):
            continue
        if dataclasses.is_dataclass(hints[setting.name]):
            yield from keys(hints[setting.name], setting.name)
        else:
            yield name, setting.name, hints[setting.name], setting


KEYS = list(keys())
IDS = [f"{section}.{name}".strip(".") for section, name, _, _ in KEYS]


def with_key(section: str, name: str, value: str) -> str:
    return minimal() + f"\n[{section}]\n{name} = {value}\n" if section else minimal(**{name: value})


class TestAGoodFile:
    def test_needs_four_keys(self) -> None:
        config = parse_pipeline(MINIMAL)
        assert (config.name, config.task, config.features) == ("shop", "regression", ("area",))

    def test_has_documented_defaults(self) -> None:
        config = parse_pipeline(MINIMAL)
        assert config.schedule.expression == "rate(15 hours)"
        assert config.training.estimator == "hist_gradient_boosting"
        assert config.notify.emails == ()

    def test_may_set_every_kind_of_key(self) -> None:
        config = parse_pipeline(
            """
            name = "shop-2"
            task = "binary"
            target = "late"
            positive = "true"
            time = "ordered at"
            row_id = "order"
            block = "user"
            numeric = ["amount"]
            categorical = ["carrier"]
            slices = ["region"]
            ignored = ["note"]

            [training]
            estimator = "linear"
            parameters = { C = 0.5, max_iter = 200 }

            [drift]
            alpha = 0.01
            ignore = ["carrier"]
            min_effect_by_feature = { amount = 1 }

            [promotion]
            metric = "brier"
            must_beat_baseline = false

            [schedule]
            expression = "cron(0 3 * * ? *)"
            enabled = false

            [notify]
            emails = ["on-call@example.com"]
            """
        )
        assert config.columns == ("amount", "carrier", "region", "order", "user", "late", "ordered at")
        assert config.text_columns == ("carrier", "region", "order", "user", "late")
        assert config.training.parameters == {"C": 0.5, "max_iter": 200}
        assert config.drift.min_effect_by_feature == {"amount": 1.0}
        assert config.notify.emails == ("on-call@example.com",)

    def test_may_begin_with_a_byte_order_mark(self) -> None:
        assert parse_pipeline("\ufeff" + MINIMAL).name == "shop"

    def test_gives_a_whole_number_where_a_number_is_meant(self) -> None:
        assert parse_pipeline(with_key("drift", "min_effect_numeric", "1")).drift.min_effect_numeric == 1.0

    @pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.toml")), ids=lambda path: path.name)
    def test_is_each_one_of_this_repository(self, path: Path) -> None:
        assert load_pipeline(path).path == str(path)


class TestABadFile:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (minimal(nmae='"x"'), "unknown key nmae; did you mean name?"),
            (minimal(zzz="1"), "unknown key zzz; known keys: name, task, target"),
            (MINIMAL + "[drift]\nalhpa = 0.1", "unknown key drift.alhpa; did you mean drift.alpha?"),
            (MINIMAL + "[trainning]\nseed = 1", "unknown key trainning; did you mean training?"),
            (MINIMAL + "path = 'x'", "unknown key path"),
            (minimal(target=""), "target is required; Column to predict."),
            (
                minimal(name='"Shop"'),
                "name must be a lower-case letter, then up to 29 of a-z, 0-9 and '-', but got 'Shop'",
            ),
            (minimal(name='"' + "a" * 31 + '"'), "name must be"),
            (minimal(task='"ranking"'), "task must be one of binary, multiclass, regression, but got 'ranking'"),
            (minimal(numeric="[]"), "numeric and categorical are both empty; name at least one feature"),
            (minimal(numeric='["price"]'), "target 'price' is also listed as a feature"),
            (minimal(categorical='["area"]'), "['area'] are in both numeric and categorical; keep each in one"),
            (minimal(numeric='["area", "area"]'), "numeric lists ['area'] more than once; keep one"),
            (minimal(slices='["area"]'), "slices must be categorical, but ['area'] are numeric"),
            (minimal(numeric='"area"'), "numeric must be a list, but got 'area'"),
            (minimal(numeric='["area", 1]'), "numeric[1] must be text, but got 1"),
            (minimal(drift="0.5"), "drift must be a table, but got 0.5; write [drift]"),
            (with_key("training", "parameters", "3"), "training.parameters must be a table, but got 3"),
            (
                with_key("schedule", "expression", '"daily"'),
                "schedule.expression must be rate(…) or cron(…), but got 'daily'",
            ),
            (with_key("notify", "emails", '["me"]'), "notify.emails must hold mail addresses, but got 'me'"),
            (
                with_key("promotion", "metric", '"acu"'),
                "promotion.metric must be one of mae, rmse, or your own as package.module:name, but got 'acu'",
            ),
            (
                with_key("promotion", "metric", '"auc"'),
                "promotion.metric must be one of mae, rmse, or your own as package.module:name, but got 'auc'",
            ),
            (
                with_key("promotion", "metric", '"my metrics:profit"'),
                "promotion.metric must be package.module:name for a metric of your own, but got 'my metrics:profit'",
            ),
            (with_key("promotion", "confidence", "0.95"), "unknown key promotion.confidence; known keys: metric,"),
            (with_key("promotion", "min_effect", "nan"), "promotion.min_effect must be a finite number, but got nan"),
            (with_key("alarms", "objective", "nan"), "alarms.objective must be a finite number"),
            (
                with_key("promotion", "slice_margin", "inf"),
                "promotion.slice_margin must be a finite number, but got inf",
            ),
            (
                with_key("drift", "min_effect_by_feature", "{ area = 2.0 }"),
                "drift: min_effect_by_feature['area'] must be",
            ),
            (
                with_key("drift", "min_effect_by_feature", '{ area = "x" }'),
                "drift.min_effect_by_feature.area must be a number",
            ),
            (
                with_key("training", "seed", "4294967296"),
                "training.seed must be at most 4294967295, but got 4294967296",
            ),
            (
                with_key("training", "cpu", "1000"),
                "training.cpu must be one of 256, 512, 1024, 2048, 4096, 8192, 16384",
            ),
            (
                MINIMAL + '[training]\nestimator = "auto"\nparameters = { max_iter = 5 }',
                'training: estimator must be named where parameters are set (max_iter), but is "auto"',
            ),
            (
                MINIMAL + '[training]\nestimator = "auto"\n[search]\ntrials = 3\nspace = { C = [1, 2] }',
                'search.trials must be 0 with training.estimator = "auto": a search space belongs to one estimator',
            ),
            (
                MINIMAL + '[training]\ncalibration = "prior"',
                'training: calibration = "prior" corrects class weights; set class_weight = "balanced"',
            ),
            (
                minimal(task='"multiclass"') + '\n[training]\nclass_weight = "balanced"\ncalibration = "prior"',
                "training.calibration = 'prior' is for a binary task",
            ),
            (
                MINIMAL + "[training]\nmemory_mib = 5000",
                "training: memory_mib must be 4096 or 5120 with cpu 1024, the nearest that Fargate has, but got 5000",
            ),
            (
                MINIMAL + "[training]\ncpu = 256",
                "training: memory_mib must be at most 2048 with cpu 256, but got 4096; give it more cpu",
            ),
            (
                MINIMAL + "[training]\ncpu = 16384\nmemory_mib = 8192",
                "training: memory_mib must be at least 32768 with cpu 16384, but got 8192; give it less cpu",
            ),
            (
                MINIMAL + '[training]\nclass_weight = "balanced"',
                "training.class_weight must be 'none' for a regression, which has no classes, but got 'balanced'",
            ),
            (
                MINIMAL + '[training]\ncalibration = "sigmoid"',
                "training.calibration must be 'none' for a regression",
            ),
            ("name = ", "not TOML: "),
            ("", "name is required"),
        ],
    )
    def test_is_told_what_to_change(self, text: str, said: str) -> None:
        assert said in refused(text)

    def test_is_named_by_its_path(self, tmp_path: Path) -> None:
        path = tmp_path / "shop.toml"
        path.write_text(minimal(nmae='"x"'))
        with pytest.raises(PipelineFileError, match=r"shop\.toml: unknown key nmae; did you mean name\?"):
            load_pipeline(path)

    def test_has_the_name_of_its_pipeline(self, tmp_path: Path) -> None:
        path = tmp_path / "store.toml"
        path.write_text(MINIMAL)
        with pytest.raises(PipelineFileError, match=r"name is 'shop', but must be the file's own name, 'store'"):
            load_pipeline(path)

    def test_that_is_missing_is_told_how_to_get(self, tmp_path: Path) -> None:
        with pytest.raises(PipelineFileError, match=r"gone\.toml: no such file; `contender init` writes one"):
            load_pipeline(tmp_path / "gone.toml")

    def test_that_is_not_text_is_told_so(self, tmp_path: Path) -> None:
        path = tmp_path / "shop.toml"
        path.write_bytes(b"name = '\xff'")
        with pytest.raises(PipelineFileError, match=r"shop\.toml: .*can't decode"):
            load_pipeline(path)

    def test_among_good_ones_is_still_told(self, tmp_path: Path) -> None:
        (tmp_path / "shop.toml").write_text(MINIMAL)
        assert [config.name for config in load_pipelines(tmp_path)] == ["shop"]
        (tmp_path / "bad.toml").write_text("x = 1")
        with pytest.raises(PipelineFileError, match=r"bad\.toml"):
            load_pipelines(tmp_path)


NEEDED = {"trials": "\n[search.space]\nmax_iter = [50, 100]\n"}
"""What a key's bound makes no sense without."""


@pytest.mark.parametrize(("section", "name", "hint", "setting"), KEYS, ids=IDS)
class TestEveryKey:
    def test_says_what_it_means(self, section: str, name: str, hint: Any, setting: Any) -> None:
        assert setting.metadata["doc"].endswith(".")

    def test_refuses_another_type(self, section: str, name: str, hint: Any, setting: Any) -> None:
        said = refused(with_key(section, name, "true" if hint is not bool else '"yes"'))
        assert said.startswith(f"{section}.{name}".strip(".") + " must be ")
        assert said.endswith(("but got True", "but got 'yes'")) or "; write [" in said

    def test_refuses_what_is_outside_its_bounds(self, section: str, name: str, hint: Any, setting: Any) -> None:
        place = f"{section}.{name}".strip(".")
        minimum, maximum = (setting.metadata.get(bound) for bound in ("minimum", "maximum"))
        if minimum is not None:
            said = refused(with_key(section, name, str(minimum - 1)))
            assert said == f"{place} must be at least {minimum}, but got {minimum - 1}"
        if maximum is not None:
            said = refused(with_key(section, name, str(maximum + 1)))
            assert said == f"{place} must be at most {maximum}, but got {maximum + 1}"
        if setting.metadata.get("choices"):
            value = '"nothing like it"' if hint is str else "-1"
            assert f"{place} must be one of {', '.join(setting.metadata['choices'])}, but got" in refused(
                with_key(section, name, value)
            )

    def test_takes_its_own_bounds(self, section: str, name: str, hint: Any, setting: Any) -> None:
        for bound in ("minimum", "maximum"):
            value = setting.metadata.get(bound)
            if value is not None:
                config = parse_pipeline(with_key(section, name, str(value)) + NEEDED.get(name, ""))
                assert getattr(getattr(config, section) if section else config, name) == value

    def test_stands_on_the_page(self, section: str, name: str, hint: Any, setting: Any) -> None:
        (key,) = [key for key in pipeline_file_keys() if (key.section, key.name) == (section, name)]
        assert key.meaning == setting.metadata["doc"]
        assert key.default


def test_the_page_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "pipeline-file.md").read_text(encoding="utf-8")
    assert page == pipeline_file_reference(), "run: python -m contender.pipeline.docs_page > docs/pipeline-file.md"


def test_no_cell_of_the_page_breaks_its_table() -> None:
    for key in pipeline_file_keys():
        assert not {"|", "\n"} & {*key.meaning, *key.default, *key.bounds}

"""The pipeline file: `pipelines/<name>.toml`, the only file a user has to write, read into typed settings.

Every key is a dataclass field with its meaning and its bounds beside it. `docs/pipeline-file.md` is made from
these, and a test fails when a key is not explained.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from contender.errors import PipelineFileError
from contender.pipeline.alarm_policy import AlarmPolicy, NotifyPolicy
from contender.pipeline.budget_policy import BudgetPolicy
from contender.pipeline.cell_defaults import MISSING_TEXTS
from contender.pipeline.column_contract import ColumnContract, contract_problems
from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.keys import key
from contender.pipeline.live_policy import LivePolicy, feedback_problems
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.pipeline.schedule_policy import SchedulePolicy
from contender.pipeline.sections import section_of
from contender.pipeline.serving_policy import ServingPolicy
from contender.pipeline.training_policy import AUTO, IMPORT_PATTERN, SearchPolicy, TrainingPolicy
from contender.pipeline.validation_policy import ValidationPolicy
from contender.stats.metrics import is_own_metric, metric_names
from contender.table import BLOCK, ORDER

Task = Literal["binary", "multiclass", "regression"]

NAME_PATTERN = re.compile(r"^[a-z][a-z0-9-]{0,29}$")
SCHEDULE_PATTERN = re.compile(r"^(rate|cron)\(.+\)$")
MAIL_PATTERN = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


@dataclass(frozen=True)
class PipelineConfig:
    """One model's pipeline file.

    Examples
    --------
    >>> config = parse_pipeline('''
    ... name = "prices"
    ... task = "regression"
    ... target = "price"
    ... numeric = ["area"]
    ... ''')
    >>> config.schedule.expression, config.features
    ('rate(15 hours)', ('area',))
    """

    name: str = key("Name of the pipeline: lower-case letters, digits and dashes, 30 at most.")
    task: str = key("What is predicted.", choices=("binary", "multiclass", "regression"))
    target: str = key("Column to predict.")
    description: str = key("One line for people.", "")
    positive: str = key("binary: the class whose probability is predicted; empty: the last in sorted order.", "")
    time: str = key(
        "Column that orders the rows: ISO timestamps or numbers. Empty: rows are in the order of the file.", ""
    )
    row_id: str = key(
        "Column with a unique id for each row; duplicates within a file are rejected. Empty: no such column.", ""
    )
    group: str = key(
        "Column that names whom or what a row is about (a customer, a patient, a machine), for a model that is to work "
        "on new ones: no model is judged on rows of a group that it learned. Empty: no such column.",
        "",
    )
    block: str = key("Column that groups rows that are not independent (a day, a user). Empty: see `block_period`.", "")
    block_period: str = key("Without `block`: the period of a block.", "day", choices=("hour", "day", "week", "month"))
    block_rows: int = key("Without `block` and without time stamps: rows of one block.", 200, minimum=1)
    numeric: tuple[str, ...] = key("Numeric features.", ())
    categorical: tuple[str, ...] = key("Categorical features; booleans and codes belong here.", ())
    ignored: tuple[str, ...] = key(
        "Columns that files may have but the pipeline does not use; any other column quarantines the file.",
        (),
    )
    slices: tuple[str, ...] = key(
        "Categorical columns; the challenger must not be worse than the champion in any slice (level) of them.", ()
    )
    missing: tuple[str, ...] = key(
        "Texts that count as missing, beside the empty cell. A class of the target is never missing: name it in "
        "`positive`, or leave its text out here.",
        MISSING_TEXTS,
    )
    decimal: str = key(
        "Decimal sign of a column whose cells leave it open, as `1,234` does (1234 with a point, 1.234 with a comma).",
        ".",
        choices=(".", ","),
    )
    day_first: bool = key(
        "Whether `02/01/2024` is the second of January, in a column whose cells leave it open.", False
    )
    validation: ValidationPolicy = key("When rows are rejected and files quarantined.", ValidationPolicy())
    contract: Mapping[str, ColumnContract] = key(
        "What the values of a column must be: a line for each column, `amount = { min = 0, max_missing = 0.1 }`.", {}
    )
    training: TrainingPolicy = key("How a challenger is trained.", TrainingPolicy())
    search: SearchPolicy = key("Hyperparameter search before the training, and its budget.", SearchPolicy())
    drift: DriftPolicy = key("When data counts as drifted.", DriftPolicy())
    promotion: PromotionPolicy = key("When a challenger is promoted.", PromotionPolicy())
    rollout: RolloutPolicy = key("How a promoted challenger is rolled out.", RolloutPolicy())
    serving: ServingPolicy = key("How predictions are served and stored.", ServingPolicy())
    live: LivePolicy = key("How live predictions are watched, and what is learned from their labels.", LivePolicy())
    schedule: SchedulePolicy = key("When the loop runs without an upload.", SchedulePolicy())
    alarms: AlarmPolicy = key("When on-call gets a mail.", AlarmPolicy())
    notify: NotifyPolicy = key("Who gets mails.", NotifyPolicy())
    budget: BudgetPolicy = key("What training may cost.", BudgetPolicy())
    path: str = field(default="", metadata={"internal": True})

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric features, then categorical ones: the order in which a model takes them."""
        return self.numeric + self.categorical

    @property
    def number_columns(self) -> tuple[str, ...]:
        """Columns that are read as numbers, each once."""
        return tuple(dict.fromkeys((*self.numeric, *((self.target,) if self.task == "regression" else ()))))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that are read as text, each once."""
        optional = (self.row_id, self.group, self.block, self.target if self.task != "regression" else "")
        return tuple(dict.fromkeys(filter(None, (*self.categorical, *self.slices, *optional))))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a batch must have, each once."""
        return tuple(dict.fromkeys(filter(None, (*self.numeric, *self.text_columns, self.target, self.time))))

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise PipelineFileError(problem)


def _problems(config: PipelineConfig) -> Iterator[str]:
    """What is wrong across keys, as sentences; bounds of single keys are checked where they are read."""
    if not NAME_PATTERN.match(config.name):
        yield (
            f"name must be a lower-case letter, then up to 29 of a-z, 0-9 and '-', but got {config.name!r}; "
            "choose a shorter or simpler name"
        )
    if not config.features:
        yield "numeric and categorical are both empty; name at least one feature"
    if config.target in config.features:
        yield f"target {config.target!r} is also listed as a feature; remove it from numeric or categorical"
    reserved = sorted({ORDER, BLOCK} & {*config.columns, *config.ignored})
    if reserved:
        yield f"{reserved[0]!r} is a reserved name; rename the column"
    both = set(config.numeric) & set(config.categorical)
    if both:
        yield f"{sorted(both)} are in both numeric and categorical; keep each in one of them"
    for name in ("numeric", "categorical", "slices"):
        listed = getattr(config, name)
        twice = sorted({column for column in listed if listed.count(column) > 1})
        if twice:
            yield f"{name} lists {twice} more than once; keep one"
    numeric_slices = set(config.slices) & set(config.numeric)
    if numeric_slices:
        yield f"slices must be categorical, but {sorted(numeric_slices)} are numeric"
    yield from _group_problems(config)
    yield from contract_problems(config.contract, numbers=config.number_columns, texts=config.text_columns)
    yield from _metric_problems(config)
    yield from _class_problems(config)
    if config.search.trials and config.training.estimator == AUTO:
        yield (
            'search.trials must be 0 with training.estimator = "auto": a search space belongs to one estimator; name '
            "it, for example the one that auto chose (contender card)"
        )
    if not SCHEDULE_PATTERN.match(config.schedule.expression):
        yield f"schedule.expression must be rate(…) or cron(…), but got {config.schedule.expression!r}"
    yield from _address_problems(config)
    beside = (config.target, config.row_id, config.time)
    yield from feedback_problems(config.live, config.serving, config.features, config.columns, beside)


def _address_problems(config: PipelineConfig) -> Iterator[str]:
    for name in ("emails", "page", "ticket", "info"):
        for address in getattr(config.notify, name):
            if not MAIL_PATTERN.match(address):
                yield f"notify.{name} must hold mail addresses, but got {address!r}"


def _group_problems(config: PipelineConfig) -> Iterator[str]:
    if config.group and config.group in (config.target, config.row_id, *config.numeric):
        yield f"group {config.group!r} is also target, row_id or numeric; name the column that several rows share"


def _metric_problems(config: PipelineConfig) -> Iterator[str]:
    named, metrics = config.promotion.metric, metric_names(config.task)
    if is_own_metric(named) and not IMPORT_PATTERN.match(named):
        yield f"promotion.metric must be package.module:name for a metric of your own, but got {named!r}"
    if named and not is_own_metric(named) and named not in metrics:
        listed = f"{', '.join(metrics)}, or your own as package.module:name"
        yield f"promotion.metric must be one of {listed}, but got {named!r}"


def _class_problems(config: PipelineConfig) -> Iterator[str]:
    """What only classes have."""
    for name in ("class_weight", "calibration"):
        chosen = getattr(config.training, name)
        if config.task == "regression" and chosen != "none":
            yield f"training.{name} must be 'none' for a regression, which has no classes, but got {chosen!r}"
    if config.task == "multiclass" and config.training.calibration == "prior":
        yield "training.calibration = 'prior' is for a binary task; set 'sigmoid' or 'none'"


def pipeline_names(directory: Path) -> list[str]:
    """The names of all pipeline files of a folder, sorted; none of them is read."""
    return sorted(path.stem for path in directory.glob("*.toml"))


def load_pipelines(directory: Path) -> tuple[PipelineConfig, ...]:
    """All pipeline files of a folder, by name."""
    return tuple(load_pipeline(path) for path in sorted(directory.glob("*.toml")))


def load_pipeline(path: Path) -> PipelineConfig:
    """Read one pipeline file.

    Raises
    ------
    PipelineFileError
        When the file is missing, is not TOML, or a key is unknown, of the wrong type or out of bounds. The
        message starts with the file's name.
    """
    try:
        config = parse_pipeline(path.read_text(encoding="utf-8"), path=str(path))
    except FileNotFoundError:
        raise PipelineFileError(f"{path}: no such file; `contender init` writes one from your data") from None
    except (PipelineFileError, UnicodeDecodeError) as error:
        raise PipelineFileError(f"{path}: {error}") from None
    if config.name != path.stem:
        raise PipelineFileError(f"{path}: name is {config.name!r}, but must be the file's own name, {path.stem!r}")
    return config


def parse_pipeline(text: str, *, path: str = "") -> PipelineConfig:
    """Read a pipeline file's text; see `load_pipeline`."""
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))  # a byte order mark, as some editors write
    except tomllib.TOMLDecodeError as error:
        raise PipelineFileError(f"not TOML: {error}") from None
    return pipeline_of(content, path=path)


def pipeline_of(content: Mapping[str, Any], *, path: str = "") -> PipelineConfig:
    """A pipeline from its file's content as TOML reads it; see `load_pipeline`."""
    return section_of(PipelineConfig, content, "", path=path)


def overridden(config: PipelineConfig, assignments: Sequence[str]) -> PipelineConfig:
    """The same pipeline with some keys set otherwise, each written `section.key=value` with the value as in TOML.

    Raises
    ------
    PipelineFileError
        When an assignment has no `=`, its key is unknown, or its value is of the wrong type or out of bounds.

    Examples
    --------
    >>> config = parse_pipeline('name = "p"\\ntask = "regression"\\ntarget = "y"\\nnumeric = ["a"]')
    >>> overridden(config, ["promotion.min_effect=0.05", "training.estimator=linear"]).promotion.min_effect
    0.05
    """
    return with_values(config, dict(map(assigned, assignments)))


def with_values(config: PipelineConfig, values: Mapping[str, Any]) -> PipelineConfig:
    """The same pipeline with some keys (`section.key`) set otherwise; see `overridden`."""
    content = content_of(config)
    for name, value in values.items():
        *sections, last = name.split(".")
        table = content
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise PipelineFileError(f"unknown key {name}; {section} is no table")
        table[last] = value
    return section_of(PipelineConfig, content, "", path=config.path)


def content_of(section: Any) -> dict[str, Any]:
    """A pipeline, or a section of it, as its file's TOML, with every default written out."""
    content: dict[str, Any] = {}
    for setting in fields(section):
        value = getattr(section, setting.name)
        if not setting.metadata.get("internal") and value is not None:
            content[setting.name] = _plain(value)
    return content


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    if is_dataclass(value):
        return content_of(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def assigned(assignment: str) -> tuple[str, Any]:
    """A key and its value of `section.key=value`.

    Raises
    ------
    PipelineFileError
        When there is no `=`, or nothing before it.

    Examples
    --------
    >>> assigned("promotion.min_effect=0.05")
    ('promotion.min_effect', 0.05)
    """
    name, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not name:
        raise PipelineFileError(f"an override is written section.key=value, but got {assignment!r}")
    return name, _toml_value(text)


def _toml_value(text: str) -> Any:
    """A value as TOML writes it; what is none is text without its quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

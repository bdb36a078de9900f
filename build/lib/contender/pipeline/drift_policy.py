"""When a batch counts as drifted: the `[drift]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.errors import InvalidInputError
from contender.pipeline.keys import key


@dataclass(frozen=True)
class DriftPolicy:
    """When a batch counts as drifted from the reference.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.
    """

    alpha: float = key(
        "Significance level of a batch's feature tests together: the chance of any significant feature without drift.",
        0.05,
        minimum=1e-12,
        maximum=0.5,
    )
    false_retrains_per_year: float = key(
        "False retrain budget: how many retrains a year may start, on average, although nothing has changed. 0.25 is "
        "one in four years. It holds for any frequency of data.",
        0.25,
        minimum=0.001,
        maximum=365.0,
    )
    batches_per_year: float = key("Batches a year, for pipelines without time stamps.", 365.0, minimum=1.0, maximum=1e6)
    null: str = key(
        "What is exchangeable without drift. `blocks`: whole blocks (days), each ranked among the earlier ones. "
        "`rows`: single, independent rows. `auto`: blocks where the pipeline has `time` or `block` and the reference "
        "has `min_blocks`, else rows.",
        "auto",
        choices=("auto", "blocks", "rows"),
    )
    min_effect_numeric: float = key(
        "Minimum effect of a numeric feature: Kolmogorov-Smirnov distance, from 0 to 1.",
        0.1,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_categorical: float = key(
        "Minimum effect of a categorical feature: share of rows that changed category (total variation), from 0 to 1.",
        0.1,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_loss: float = key("Minimum effect of the champion's mean loss: its relative rise.", 0.05, minimum=0.0)
    min_effect_joint: float = key(
        "Minimum effect of a change in the dependence between features: AUC of the domain classifier (0.5 is no "
        "difference).",
        0.55,
        minimum=0.5,
        maximum=1.0,
    )
    min_effect_missing: float = key(
        "Minimum effect of missing values: change of a feature's share of them, from 0 to 1.",
        0.05,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_by_feature: dict[str, float] = key(
        "Minimum effects of single features, by name; they replace the defaults above.", {}
    )
    ignore: tuple[str, ...] = key("Features that are not checked.", ())
    min_rows: int = key("With fewer rows, in the batch or in the reference, drift is not checked.", 100, minimum=1)
    min_blocks: int = key("With fewer blocks in the reference, blocks are not ranked.", 10, minimum=2)

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha <= 0.5:
            raise InvalidInputError(f"alpha must be above 0 and at most 0.5, but got {self.alpha}")
        floors = {
            name: getattr(self, name) for name in ("min_effect_numeric", "min_effect_categorical", "min_effect_missing")
        }
        floors |= {f"min_effect_by_feature[{name!r}]": value for name, value in self.min_effect_by_feature.items()}
        for name, value in floors.items():
            if not 0.0 <= value <= 1.0:
                raise InvalidInputError(f"{name} must be between 0 and 1, but got {value}")
        for name, least in (
            ("min_rows", 1),
            ("min_blocks", 2),
            ("min_effect_loss", 0.0),
            ("false_retrains_per_year", 0.001),
            ("batches_per_year", 1.0),
        ):
            if not getattr(self, name) >= least:
                raise InvalidInputError(f"{name} must be at least {least}, but got {getattr(self, name)}")
        if not 0.5 <= self.min_effect_joint <= 1.0:
            raise InvalidInputError(f"min_effect_joint must be between 0.5 and 1, but got {self.min_effect_joint}")
        if self.null not in ("auto", "blocks", "rows"):
            raise InvalidInputError(f"null must be 'auto', 'blocks' or 'rows', but got {self.null!r}")

    def floor_of(self, name: str, *, numeric: bool) -> float:
        """The minimum effect of one feature's values."""
        default = self.min_effect_numeric if numeric else self.min_effect_categorical
        return self.min_effect_by_feature.get(name, default)

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
        "Chance that a batch from the same world has any feature called significant, shared among the features.",
        0.05,
        minimum=1e-12,
        maximum=0.5,
    )
    false_retrains_per_year: float = key(
        "How many times a year, on average, a world that has not changed may start a retrain; 0.25 is once "
        "in four years. It holds however often data comes.",
        0.25,
        minimum=0.001,
        maximum=365.0,
    )
    batches_per_year: float = key(
        "How many batches a year brings, where rows have no time stamps to tell.", 365.0, minimum=1.0, maximum=1e6
    )
    null: str = key(
        "What is taken as alike while nothing changes. `blocks`: whole blocks (days), each ranked among "
        "those known. `rows`: single rows, independent of each other. `auto`: blocks where the pipeline has "
        "`time` or `block` and the reference has `min_blocks`, else rows.",
        "auto",
        choices=("auto", "blocks", "rows"),
    )
    min_effect_numeric: float = key(
        "Smallest Kolmogorov-Smirnov distance of a numeric feature that counts, from 0 to 1.",
        0.1,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_categorical: float = key(
        "Smallest share of rows that changed category (total variation) that counts, from 0 to 1.",
        0.1,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_loss: float = key(
        "Smallest rise of the champion's mean loss that counts, as a fraction of it.", 0.05, minimum=0.0
    )
    min_effect_joint: float = key(
        "How often a classifier must tell a row of the batch from one of the reference (AUC; 0.5 is never) "
        "for a change in how features go together to count.",
        0.55,
        minimum=0.5,
        maximum=1.0,
    )
    min_effect_missing: float = key(
        "Smallest change of a feature's share of missing values that counts, from 0 to 1.",
        0.05,
        minimum=0.0,
        maximum=1.0,
    )
    min_effect_by_feature: dict[str, float] = key("Floors of single features in place of the two above, by name.", {})
    ignore: tuple[str, ...] = key("Features that are not checked.", ())
    min_rows: int = key("With fewer rows, in the batch or in the reference, nothing is said.", 100, minimum=1)
    min_blocks: int = key("With fewer blocks in the reference, they are not ranked among.", 10, minimum=2)

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
        """The effect floor of one feature's values."""
        default = self.min_effect_numeric if numeric else self.min_effect_categorical
        return self.min_effect_by_feature.get(name, default)

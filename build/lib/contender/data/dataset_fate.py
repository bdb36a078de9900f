"""What becomes of a dataset version that looked broken when it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Fate: TypeAlias = Literal["set aside", "confirmed", "kept", "left out"]


@dataclass(frozen=True)
class DatasetFate:
    """The newest decision about a dataset version. Its rows stay where they are, whatever it is.

    Attributes
    ----------
    fate : `set aside`: it looks broken, and the next batch decides. `confirmed`: the data has changed, and models are
        trained on it; `kept`: nothing is wrong with it; `left out`: no model is trained on it.
    sign, reason : why it looked broken.
    run_id : the run that decided; empty where a person did.
    by : the person who did; empty where a run decided.
    decided_at : when, as an ISO 8601 time.
    """

    fate: Fate
    sign: str
    reason: str
    run_id: str
    by: str
    decided_at: str

    @property
    def is_out(self) -> bool:
        """Whether no model is trained on it, and none is judged on it."""
        return self.fate in ("set aside", "left out")


def left_out(fates: Mapping[str, DatasetFate], *, checked: bool) -> Mapping[str, DatasetFate]:
    """The dataset versions that no model is trained or judged on.

    Parameters
    ----------
    checked : whether the pipeline sets suspicious batches aside. Otherwise only those are left out that a person did.
    """
    return {version: found for version, found in fates.items() if found.is_out and (checked or found.by)}

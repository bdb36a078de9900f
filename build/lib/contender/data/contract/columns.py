"""Which columns a file must have."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from contender.data.contract.wording import listed, shown
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig

LABELS_COME_LATE = "; a file without labels is accepted where validation.late_labels = true"


def check_columns(found: Sequence[str], config: PipelineConfig) -> None:
    """Refuse a file whose columns are not those of the contract.

    Raises
    ------
    BatchRejectedError
        When a column is missing, stands twice, or is unknown to the pipeline file. The target may be missing where
        labels come late.
    """
    missing = [name for name in config.columns if name not in found]
    if missing == [config.target] and config.validation.late_labels:
        missing = []
    if missing and len(found) == 1:
        raise BatchRejectedError(
            f"only one column was found, {shown(found[0])}; separate cells by commas, semicolons, tabs or bars, "
            "below a header line"
        )
    if missing:
        raise BatchRejectedError(
            f"column{'s' * (len(missing) > 1)} {listed(missing)} missing; the file has {listed(found)}"
            + _did_you_mean(missing, [name for name in found if name not in config.columns])
            + (LABELS_COME_LATE if missing == [config.target] else "")
        )
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise BatchRejectedError(f"column {listed(twice)} appears more than once; keep one")
    extra = [name for name in found if name not in config.columns and name not in config.ignored]
    if extra:
        raise BatchRejectedError(
            f"column{'s' * (len(extra) > 1)} {listed(extra)} not in the data contract; "
            f"add to numeric, categorical or ignored in pipelines/{config.name}.toml, or remove from the file"
        )


def _did_you_mean(missing: Sequence[str], found: Sequence[str]) -> str:
    """What a missing column may be called in the file; empty where nothing is like it."""
    alike = {name: difflib.get_close_matches(name, found, n=1, cutoff=0.75) for name in missing}
    pairs = [f"is {shown(near[0])} meant to be {shown(name)}?" for name, near in alike.items() if near]
    return f" ({'; '.join(pairs[:3])})" if pairs else ""

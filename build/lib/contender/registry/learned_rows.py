"""What a version was trained on, judged on and refitted on, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.formatting import amount
from contender.registry.versions import as_judged


def in_words(manifest: Mapping[str, Any]) -> str:
    """The line of a version; empty where its manifest does not say.

    Examples
    --------
    >>> holdout = {"rows": 1840, "blocks": ["Mon", "Tue"]}
    >>> judged = {"trained_rows": 23470, "trained_through": 7.0, "features": []}
    >>> in_words({"trained_rows": 25310, "holdout": holdout, "judged": judged})
    'trained on 23,470 rows, judged on 1,840 newer rows in 2 blocks, then refitted on all 25,310 rows'
    >>> in_words({"trained_rows": 23470, "holdout": holdout})
    'trained on 23,470 rows, judged on 1,840 newer rows in 2 blocks'
    >>> left_out = {"said": "1,240 of 3,080 rows left out: their customer is in the training rows."}
    >>> in_words({"trained_rows": 23470, "holdout": holdout | {"left_out": left_out}}).split(" (")[1]
    '1,240 of 3,080 rows left out: their customer is in the training rows)'
    """
    holdout = manifest.get("holdout")
    if "trained_rows" not in manifest or not holdout:
        return ""
    words = rows_in_words(
        as_judged(manifest)["trained_rows"],
        holdout["rows"],
        len(holdout["blocks"]),
        refitted=manifest["trained_rows"] if manifest.get("judged") else None,
    )
    return f"{words}{_left_out(holdout)}"


def told_by(training: Mapping[str, Any]) -> str:
    """The line of a run's training.json; empty where nothing was trained.

    Examples
    --------
    >>> told_by({"train_rows": 80, "holdout_rows": 20, "holdout_blocks": 4, "refitted_rows": 100})
    'trained on 80 rows, judged on 20 newer rows in 4 blocks, then refitted on all 100 rows'
    """
    if "train_rows" not in training:
        return ""
    judged = training["holdout_rows"]
    blocks = training.get("holdout_blocks", judged)  # a report from before it was kept
    words = rows_in_words(training["train_rows"], judged, blocks, refitted=training.get("refitted_rows"))
    return f"{words}{_left_out({'left_out': training.get('holdout_left_out')})}"


def _left_out(holdout: Mapping[str, Any]) -> str:
    said = str((holdout.get("left_out") or {}).get("said", ""))
    return f" ({said.removesuffix('.')})" if said else ""


def rows_in_words(trained: int, judged: int, blocks: int, *, refitted: int | None) -> str:
    """The line from its numbers; `refitted` is None where what serves is what was judged.

    Examples
    --------
    >>> rows_in_words(80, 20, 20, refitted=100)
    'trained on 80 rows, judged on 20 newer rows, then refitted on all 100 rows'
    """
    found = amount(judged, blocks).replace(" rows", " newer rows", 1)
    said = f"trained on {trained:,} rows, judged on {found}"
    return said if refitted is None else f"{said}, then refitted on all {refitted:,} rows"

"""The judged model's predictions of its holdout, counted by block as live predictions are counted.

With it live predictions are compared with what the model did when it was judged, by the same counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from contender.errors import IntegrityError
from contender.predictions.live_metrics import LiveCounts, Outputs, count_predictions, label_change, score, total
from contender.predictions.record import Prediction

HOLDOUT_COUNTS = "holdout_counts.json"
"""The file of a model version."""
MOST_ROWS = 50_000
"""Evenly chosen of more: shares and means of so many are sure enough."""
MOST_BLOCKS = 60
"""Of more blocks, neighbours are counted together."""


def count_holdout(
    predictions: Sequence[Prediction], labels: Sequence[str | float], blocks: Sequence[str], outputs: Outputs
) -> list[LiveCounts]:
    """Counts of rows, predictions and losses, by block in the order of the rows.

    Parameters
    ----------
    predictions, labels, blocks : (n,) of the rows in the order of time.

    Examples
    --------
    >>> outputs = Outputs("binary", ("no", "yes"), "yes")
    >>> monday, tuesday = count_holdout([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], ["no", "yes", "no"], "MMT", outputs)
    >>> monday.rows, dict(monday.classes), monday.labels, monday.correct, tuesday.rows
    (2, {'no': 1, 'yes': 1}, 2, 2, 1)
    """
    step = max(1, -(-len(predictions) // MOST_ROWS))
    rows: dict[str, list[int]] = {}
    for row in range(0, len(predictions), step):
        rows.setdefault(blocks[row], []).append(row)
    counts = [
        count_predictions([predictions[row] for row in of_block], outputs)
        + total(label_change(None, score(predictions[row], labels[row], outputs)) for row in of_block)
        for of_block in rows.values()
    ]
    together = max(1, -(-len(counts) // MOST_BLOCKS))
    return [total(counts[start : start + together]) for start in range(0, len(counts), together)]


def to_bytes(counts: Sequence[LiveCounts]) -> bytes:
    """As the file of a model version.

    Examples
    --------
    >>> from_bytes(to_bytes([LiveCounts(rows=2, classes={"no": 2})])) == [LiveCounts(rows=2, classes={"no": 2})]
    True
    """
    return json.dumps({"blocks": [block.to_numbers() for block in counts]}, sort_keys=True).encode()


def from_bytes(body: bytes) -> list[LiveCounts]:
    """The inverse of `to_bytes`.

    Raises
    ------
    IntegrityError
        When the bytes are no such file.
    """
    try:
        return [LiveCounts.from_numbers(block) for block in json.loads(body)["blocks"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"not a {HOLDOUT_COUNTS} file: {error!r}") from None

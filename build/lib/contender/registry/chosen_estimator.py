"""How `estimator = "auto"` chose, in words: the candidates with their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contender.formatting import duration, figure

CANDIDATE_COLUMNS = ("candidate", "score", "time", "")


def candidate_rows(choice: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """A row of text for each candidate, as `CANDIDATE_COLUMNS` names them.

    Parameters
    ----------
    choice : the section of a version's manifest.

    Examples
    --------
    >>> linear = {"estimator": "linear", "class_weight": "none", "score": 0.8123, "state": "complete", "seconds": 0.4}
    >>> candidate_rows({"estimator": "linear", "class_weight": "none", "metric": "auc", "candidates": [linear]})
    [('linear', 'auc 0.8123', '0.4 s', 'chosen')]
    """
    return [
        (
            named(each),
            "–" if each["score"] is None else f"{choice['metric']} {figure(each['score'])}",
            duration(each["seconds"]) if each["seconds"] else "–",
            _outcome(choice, each),
        )
        for each in choice["candidates"]
    ]


def named(candidate: Mapping[str, Any]) -> str:
    """The estimator, with the weights of its classes if they have any."""
    weighted = candidate["class_weight"] != "none"
    return f"{candidate['estimator']}, {candidate['class_weight']} classes" if weighted else str(candidate["estimator"])


def _outcome(choice: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    if candidate["state"] != "complete":
        return f"{candidate['state']}: {candidate['reason']}"
    is_chosen = all(candidate[name] == choice[name] for name in ("estimator", "class_weight"))
    return "chosen" if is_chosen else ""


def why_chosen(choice: Mapping[str, Any]) -> str:
    """Why that one, and whether a plain model would have done."""
    return f"{choice['reason']} {choice['note']}".strip()

"""Why a model was trained or not: what waiting costs, against what a training does."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from contender.formatting import percent
from contender.reports.html import count, fields, section
from contender.reports.run.evidence import RunEvidence


def decision_of(run: RunEvidence) -> Mapping[str, Any]:
    """The decision that DetectDrift wrote down; empty in runs without one."""
    found: Mapping[str, Any] = run.report("drift").get("training") or {}
    return found


def training_decision(run: RunEvidence) -> str:
    """The section; none where DetectDrift decided nothing."""
    found = decision_of(run)
    if not found:
        return ""
    return section("Training decision", "", f"<p>{escape(found['reason'])}</p>" + fields(_figures(found)))


def waiting_rate(found: Mapping[str, Any]) -> str:
    """What waiting costs by the week, or by the batch; empty where it is unknown.

    Examples
    --------
    >>> waiting_rate({"loss_name": "log loss", "waiting": {"excess_a_week": 0.00041, "excess_a_batch": 0.001}})
    '0.00041 log loss a week'
    """
    waiting = found.get("waiting")
    if not waiting:
        return ""
    week = waiting["excess_a_week"]
    rate, period = (waiting["excess_a_batch"], "batch") if week is None else (week, "week")
    return f"{rate:.2g} {found['loss_name']} a {period}"


def _figures(found: Mapping[str, Any]) -> dict[str, str]:
    rows, waiting, rise = found["rows"], found["waiting"], found["rise"]
    figures = {
        "Since the newest training": f"{count(rows['since'], 'row')} in {_batches(found['batches'])}",
        "How fast models age": _aging(found["aging"]),
    }
    if waiting:
        gain = f"{waiting['excess']:.2g} {found['loss_name']} a row (standard error {waiting['excess_error']:.2g})"
        figures["Expected gain of a new model"] = gain
    if waiting and waiting["price_usd"] is not None:
        derived = "; derived, see training.error_price_usd" if waiting["price_is_derived"] else ""
        figures["Cost of waiting so far"] = f"${waiting['usd']:.4f}"
        figures["Cost of a training"] = f"${waiting['training_usd']:.4f}"
        figures["Price of an error"] = f"${waiting['price_usd']:.3g} for one {found['loss_name']} on one row{derived}"
    if rise:
        usual = f"{rise['usual_is']} of the last batches {rise['usual']:.4g}"
        usual += f"; a change counts from {rise['needed']:.4g} on"
        figures["Champion's loss"] = f"{rise['now']:.4g} ({usual})"
    for name, why in found["not_asked"].items():
        figures[f"Without {name}"] = why
    return {title: escape(text) for title, text in figures.items()}


def _batches(number: int) -> str:
    return f"{number:,} batch{'' if number == 1 else 'es'}"


def _aging(aging: Mapping[str, Any]) -> str:
    """
    >>> usual = {"slope": 0.05, "error": 0.05, "measured": None, "measured_error": None, "models": 1, "blocks": 7}
    >>> _aging(usual)
    'not known here yet; usually 5 % of the loss for each e-fold of rows'
    """
    slope = f"{percent(round(aging['slope'], 4))} of the loss for each e-fold of rows"
    if aging["measured"] is None:
        return f"not known here yet; usually {slope}"
    seen = f"{100.0 * aging['measured']:.1f} % ± {100.0 * aging['measured_error']:.1f} %"
    return f"{slope}; {count(aging['models'], 'model')} in {count(aging['blocks'], 'block')} show {seen}"

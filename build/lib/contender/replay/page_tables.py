"""The tables of a replay's page: policies, decisions, batches."""

from __future__ import annotations

from html import escape

from contender.replay.page_marks import styled, swatch
from contender.replay.recommendation import dollars, share
from contender.replay.report import ArmResult, Replay, Step
from contender.replay.trade_off import Point
from contender.reports.html import badge, count, section, signed

WORDS = {
    "waiting": "no champion yet",
    "quarantined": "quarantined",
    "first": "first champion",
    "skipped": "skipped",
    "promoted": "promoted",
    "retained": "champion kept",
    "inconclusive": "inconclusive",
    "failed": "failed",
}


def policies(found: Replay) -> str:
    """A row a policy: retrains, promotions, metric, its difference to always retraining, cost."""
    better = "higher" if found.greater_is_better else "lower"
    saved = "" if found.trade_off.error_usd is None else "<th scope=col>saved</th>"
    rows = "".join(
        f"<tr><th scope=row class=named>{swatch(style)}{escape(arm.name)}</th><td>{arm.retrains}</td>"
        f"<td>{_kept(found.point(arm))}</td>"
        f"<td>{arm.replacements if arm.kind == 'policy' else '–'}</td>"
        f"<td>{arm.mean:.4f}</td><td>{_difference(arm)}</td>"
        f"<td>{arm.worst:.4f} <small>{escape(arm.worst_batch)}</small></td>"
        f"<td>${arm.cost_usd:.4f}</td>{_saved(found.point(arm))}</tr>"
        for arm, style in styled(found)
    )
    return section(
        "Policy comparison",
        f"{found.metric_title[:1].upper()}{found.metric_title[1:]}: mean over the scored batches, weighted by rows; "
        f"{better} is better. Retrains and cost "
        "after the first champion. Only policies compare before they promote: the others serve every new model.",
        '<div class="scroll"><table class="figures"><thead><tr><th scope=col>policy</th><th scope=col>retrains</th>'
        "<th scope=col>kept</th>"
        f"<th scope=col>promotions</th><th scope=col>{escape(found.metric_title)}</th>"
        "<th scope=col>vs. always (95&nbsp;%&nbsp;CI)</th>"
        f"<th scope=col>worst batch</th><th scope=col>cost</th>{saved}</tr>"
        f"</thead><tbody>{rows}</tbody></table></div>",
    )


def _kept(point: Point) -> str:
    """The share of the gain, with its interval where it has one."""
    if point.kept is None:
        return "–"
    if point.interval is None:
        return share(point.kept)
    low, high = point.interval
    return f"{share(point.kept)} <small>({share(low)} to {share(high)})</small>"


def _saved(point: Point) -> str:
    return "" if point.saved_usd is None else f"<td>{dollars(point.saved_usd)}</td>"


def _difference(arm: ArmResult) -> str:
    found = arm.difference
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return signed(found.value)
    return f"{signed(found.value)} <small>({signed(found.low)} to {signed(found.high)})</small>"


def decisions(found: Replay) -> str:
    """A table of decisions for each policy; the first is open."""
    tables = []
    for position, arm in enumerate(arm for arm in found.arms if arm.kind == "policy"):
        rows = "".join(_decision(found, step) for step in arm.steps)
        opened = " open" if position == 0 else ""
        tables.append(
            f"<details{opened}><summary>{escape(arm.name)}: {count(arm.retrains, 'retrain')}, "
            f"{count(arm.replacements, 'promotion')}</summary>"
            '<div class="scroll"><table class="decisions"><thead><tr><th scope=col>batch</th>'
            f"<th scope=col>decision</th><th scope=col>{escape(found.metric_title)}</th><th scope=col>reason</th></tr>"
            f"</thead><tbody>{rows}</tbody></table></div></details>"
        )
    return section(
        "All decisions",
        f"The {found.metric_title} is that of the model serving when the batch arrived, before the decision.",
        "".join(tables),
    )


def _decision(found: Replay, step: Step) -> str:
    drift = f"<p class=drift>{escape(step.drift.reason)}</p>" if step.drift and step.drift.drifted else ""
    score = f"{step.score:.4f}" if step.score is not None else "–"
    return (
        f"<tr><th scope=row>{escape(found.batches[step.batch].name)}</th>"
        f"<td>{badge(step.verdict, WORDS.get(step.verdict, step.verdict))}</td>"
        f"<td>{score}</td><td>{drift}<p>{escape(step.reason)}</p></td></tr>"
    )


def batches(found: Replay) -> str:
    """The history's batches with their rows and what validation rejected."""
    most = max(batch.rows for batch in found.batches) or 1
    rows = "".join(
        f"<tr><th scope=row>{escape(batch.name)}</th><td>{batch.rows:,}</td>"
        f'<td class=bar><span style="width:{100 * batch.rows / most:.1f}%"></span></td>'
        f"<td>{batch.blocks or '–'}</td><td>{batch.left_out or '–'}</td>"
        f"<td>{'' if batch.used else 'quarantined: '}{escape(batch.reason)}</td></tr>"
        for batch in found.batches
    )
    unplaced = f" {count(found.unplaced, 'row')} without a readable time excluded." if found.unplaced else ""
    return section(
        "Batches",
        f"The history by {_period(found.every)}; each batch validated like an upload.{unplaced}",
        '<details><summary>All batches</summary><div class="scroll"><table class="batches"><thead><tr>'
        "<th scope=col>batch</th><th scope=col>rows</th><td></td><th scope=col>blocks</th>"
        "<th scope=col>rows rejected</th><th scope=col>reason</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>",
    )


def _period(every: str) -> str:
    return every if not every.isdecimal() else count(int(every), "block")

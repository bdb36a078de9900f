"""A replay as one HTML file without scripts or external resources: results, charts, decisions, methods."""

from __future__ import annotations

from html import escape

from contender.replay.page_charts import differences, drift, metric_over_time, retrains
from contender.replay.page_tables import batches, decisions, policies
from contender.replay.page_trade_off import kept_against_retrains
from contender.replay.report import Replay
from contender.reports import html as pages
from contender.reports.html import count, signed


def page(found: Replay) -> str:
    """The whole page."""
    sections = "".join(
        (
            _header(found),
            kept_against_retrains(found),
            policies(found),
            differences(found),
            metric_over_time(found),
            drift(found),
            retrains(found),
            decisions(found),
            batches(found),
            _methods(found),
        )
    )
    return pages.whole(f"{found.pipeline}: replay", sections, styles=("replay_page.css",))


def _header(found: Replay) -> str:
    used = [batch for batch in found.batches if batch.used]
    rows = sum(batch.rows - batch.left_out for batch in used)
    span = f"{found.batches[0].name} to {found.batches[-1].name}"
    described = f'<p class="of">{escape(found.description)}</p>' if found.description else ""
    return pages.header(
        f"Replay of <b>{escape(found.pipeline)}</b> · {escape(span)}",
        found.headline,
        f'{described}<p class="lead">{escape(found.recommendation.sentence)}</p>'
        f'<p class="lead">{escape(_lead(found))}</p>'
        f'<p class="facts">{rows:,} rows in {len(used)} batches. First champion trained with '
        f"{escape(found.batches[found.first].name)}. {len(found.scored)} batches scored, each with the model "
        "that served when it arrived.</p>",
    )


def _lead(found: Replay) -> str:
    """The interval of the difference to always retraining, never retraining, and the cost."""
    ours, always, never = found.arms[0], found.arm("always"), found.arm("never")
    parts = []
    if ours.difference is not None and ours.difference.low is not None and ours.difference.high is not None:
        parts.append(
            f"95 % CI of the difference to always retraining: {signed(ours.difference.low)} to "
            f"{signed(ours.difference.high)}."
        )
    if never.difference is not None:
        parts.append(f"Never retraining: {signed(never.difference.value)}.")
    parts.append(f"Training cost: ${ours.cost_usd:.3f} vs. ${always.cost_usd:.3f}.")
    return " ".join(parts)


def _methods(found: Replay) -> str:
    always = found.arm("always")
    return (
        "<section class=notes><h2>Methods</h2><p>Prequential evaluation: each batch is first predicted by the model "
        "that serves when it arrives, so no model is scored on rows that it was trained on. Then the batch goes "
        "through the drift check, training and comparison of the deployed loop. <b>always</b>, <b>every N</b> and "
        "<b>never</b> start with the same first champion and serve each new model without comparison.</p>"
        f"<p>Kept is (loss of never − loss of the policy) / (loss of never − loss of always), with the mean "
        f"{escape(found.trade_off.loss)} over the scored batches, weighted by rows. A model that is promoted without "
        "comparison depends only on the batch that it is trained through, so calendars and hindsight are computed from "
        "the models of <b>always</b>, each scored on all later batches (exact dynamic programme). These models know of "
        "no drift: where the training window begins at the last drift, theirs holds all batches.</p>"
        "<p>Confidence intervals resample the blocks within each batch, the same blocks for both policies, with the "
        "decisions as they were made. They cover other days of the same batches, not another year.</p>"
        "<p>Cost: training tasks only (Fargate on demand, list prices of docs/cost.md, billed for 1 min at least), "
        "without functions, storage and endpoints. Durations are those of the machine that replayed: "
        f"{count(always.retrains, 'retrain')} of <b>always</b> took {always.training_seconds:.0f} s. Policies share "
        f"equal trainings: {found.distinct_trainings} were run in all.</p></section>"
    )

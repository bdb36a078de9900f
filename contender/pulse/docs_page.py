"""The page about Pulse, `docs/pulse.md`: `python -m contender.pulse.docs_page > docs/pulse.md`."""

from __future__ import annotations

import sys

from contender.predictions.table_entries import OLDEST_AGE
from contender.pulse.champion import FOLLOWED_WITHIN, RECOVERS
from contender.pulse.gauges import EVERY_MINUTES, GAUGES
from contender.pulse.live import LEAST_LABELS, LEAST_USUAL_LABELS, LEAST_USUAL_REQUESTS
from contender.pulse.runs import DEFAULT_MINUTES, LEAST_MINUTES, USUAL_RUNS
from contender.pulse.shares import LEAST_BLOCKS, LEAST_ROWS

FOLLOWED, RECOVERED = FOLLOWED_WITHIN.seconds // 60, RECOVERS.seconds // 60

INTRODUCTION = f"""# Pulse: the gauges of a pipeline

Every {EVERY_MINUTES} minutes one function (`lambdas/pulse`) reads the tables and buckets of all pipelines of an
environment, and writes for each what an alarm cannot derive from events: how long something has been so, and how it
compares with what is usual. The gauges are metrics in the namespace `Contender` with the one dimension `pipeline`;
the time of a reading is the time that its schedule names. A gauge without evidence is left out: zero never stands for
"unknown". `PointerState` is always there, so its absence means that no pulse was taken. Reasons:
[0053](decisions/0053-pulse.md).

| gauge | unit | meaning | without a value unless there is |
|---|---|---|---|
"""

DETAILS = f"""
## How they are computed

**Runs.** The usual time of a run is the longest of the last {USUAL_RUNS} that trained and ended well, at least
{LEAST_MINUTES:g} minutes; {DEFAULT_MINUTES:g} minutes where there are fewer than three. The time in which a run waits
for approval or for a canary's traffic counts on neither side. An aborted run, which leaves no record, counts as
failed until the next run takes the lease.

**Champion.** `NewestRowHours` is the age of the newest dataset version that the champion was trained on, by when it
arrived: time columns may hold numbers, or years that are long past. A rollback does not make it younger.
`PointerState` is 2 if the log of predictions shows answers of a former champion later than {FOLLOWED} minutes after
the newest swap; 3 and 4 tell a pointer or a champion that serving cannot load, and keeps its last good model instead
of. `ChangeOn` stays 1 for {RECOVERED} minutes after a rollback.

**Traffic and labels.** Requests of the last hour, and labels that arrived in the last day, are divided by the median
of what is usual by up to four former weeks; what was logged in the last 10 minutes is not counted yet. There is no
value if that median is below {LEAST_USUAL_REQUESTS} requests or {LEAST_USUAL_LABELS} labels. Usual requests are those
of the same hour. Usual labels are those of the same day, by the age in days that their predictions had, each age in
proportion to its predictions then and now: labels that come three days late follow the traffic of three days ago.
Ages of fewer than one label in a hundred, and of {OLDEST_AGE} days and more, count as they came then.

**Loss.** Mean loss (log loss or squared error) of the champion's labelled predictions, of as many of the last seven
days as give 1,000 labels, minus that of the judged model on its holdout. Half of the difference's 95 % interval, from
differences between days and between blocks, is the unit. At least {LEAST_LABELS} labels.

**Shares.** The rows of the last day by predicted class, and by range of the score or value, against their shares in
each block of the holdout. The unit is half the prediction interval that one in a thousand of the holdout's own days
would leave (Student's t, over all classes together). At least {LEAST_ROWS} rows, {LEAST_BLOCKS} blocks, and a
champion that has served for a day. Of few blocks the variance of a share is moderated by that of all shares. What
that is worth, simulated with 600 days of 1,000 rows: five even ranges of scores, of which two become empty and the
highest three times as frequent, are found on every day by 5 blocks of 1,000 rows, on 60 % by 5 blocks of 60 rows (29 %
and 1 % without), on 90 % and 33 % by 3 blocks. No day of its own passed the limit there, up to 3 in 1,000 where ranges
vary unevenly, 8 where one alone varies. Between two classes there is nothing to moderate by: a class that grows from 20
to 60 % is found on 57 % of the days by 5 blocks of 1,000 rows, and on none by 3; have 10 or more.

**Spending.** Each run's record has its estimated cost ([cost](cost.md)); the month is the calendar month in UTC.
Once `budget.month_usd` is used up, runs end as skipped where they would train, with this reason; a waiting challenger
is still compared, and predictions are served as ever. `contender retrain --over-budget` trains once nevertheless. A
run is not stopped while it trains, so a month may cost one training more than its budget.

**Versions trained before** their holdout was counted (`holdout_counts.json`) have neither `LiveLossExcess` nor
`ShareShift`.
"""


def page() -> str:
    """The page as Markdown."""
    rows = [f"| `{gauge.name}` | {gauge.unit} | {gauge.meaning} | {gauge.rests_on} |\n" for gauge in GAUGES]
    return INTRODUCTION + "".join(rows) + DETAILS


if __name__ == "__main__":
    sys.stdout.write(page())

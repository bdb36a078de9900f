"""The page about Pulse, `docs/pulse.md`: `python -m contender.pulse.docs_page > docs/pulse.md`."""

from __future__ import annotations

import sys

from contender.predictions.table_entries import OLDEST_AGE
from contender.pulse.champion import FOLLOWED_WITHIN, RECOVERS
from contender.pulse.gauges import EVERY_MINUTES, GAUGES
from contender.pulse.live import LEAST_LABELS, LEAST_USUAL_LABELS, LEAST_USUAL_REQUESTS
from contender.pulse.runs import DEFAULT_MINUTES, LEAST_MINUTES, LEAST_RUNS, USUAL_RUNS
from contender.pulse.shares import LEAST_BLOCKS, LEAST_ROWS

FOLLOWED, RECOVERED = FOLLOWED_WITHIN.seconds // 60, RECOVERS.seconds // 60

INTRODUCTION = f"""# Pulse: the gauges of a pipeline

Every {EVERY_MINUTES} minutes one function (`lambdas/pulse`) reads the tables and buckets of all pipelines of an
environment. For each it writes what an alarm cannot derive from events: how long a state has lasted, and how a figure
compares with its usual value. The gauges are metrics in the namespace `Contender` with one dimension, `pipeline`; the
time of a reading is the one that its schedule names. A gauge without evidence is left out: zero never stands for
"unknown". `PointerState` is always there, so its absence means that no pulse was taken. Reasons:
[0053](decisions/0053-pulse.md).

| gauge | unit | meaning | without a value unless there is |
|---|---|---|---|
"""

DETAILS = f"""
## How they are computed

**Runs.** The usual time of a run is the longest of the last {USUAL_RUNS} that trained and ended well, and at least
{LEAST_MINUTES:g} minutes; with fewer than {LEAST_RUNS} such runs it is {DEFAULT_MINUTES:g} minutes. The time in which
a run waits for approval or for a canary's traffic does not count. An aborted run leaves no record and counts as failed
until the next run takes the lease.

**Champion.** `NewestRowHours` is the time since the newest dataset version arrived that the champion was trained on;
time columns do not count, because they may hold numbers, or years that are long past. A rollback does not make it
younger. `PointerState` is 2 if the prediction log shows answers of a former champion more than {FOLLOWED} minutes after
the newest swap. With 3 and 4 serving cannot load the pointer or the champion, and keeps its last good model. `ChangeOn`
stays 1 for {RECOVERED} minutes after a rollback.

**Traffic and labels.** Requests of the last hour, and labels that arrived in the last day, are divided by the usual
number: the median of up to four former weeks. What was logged in the last 10 minutes is not counted yet. There is no
value if that median is below {LEAST_USUAL_REQUESTS} requests or {LEAST_USUAL_LABELS} labels. Usual requests are those
of the same hour. Usual labels are those of the same day, scaled by the traffic that they belong to: labels that come
three days late follow the traffic of three days ago. Delays that have fewer than one label in a hundred, and those of
{OLDEST_AGE} days and more, are not scaled.

**Loss.** The mean loss (log loss or squared error) of the champion's labelled predictions, minus that of the judged
model on its holdout. It takes as many of the last seven days as give 1,000 labels, and needs at least {LEAST_LABELS}.
The unit is half of the difference's 95 % interval, from differences between days and between blocks.

**Shares.** The shares of the predicted classes, and of ranges of the score or value, among the rows of the last day,
compared with each block of the holdout. The unit is half of the prediction interval that one in a thousand of the
holdout's own days would leave (Student's t, over all classes together). It needs {LEAST_ROWS} rows, {LEAST_BLOCKS}
blocks, and a champion that has served for a day. With few blocks the variance of a share is moderated by that of all
shares. Simulated with 600 days of 1,000 rows:

- Five even ranges of scores, of which two become empty and the highest three times as frequent: found on every day with
  5 blocks of 1,000 rows (29 % of the days without moderation), on 60 % with 5 blocks of 60 rows (1 % without), and on
  90 % and 33 % with 3 blocks.
- False alarms: none there; up to 3 days in 1,000 where ranges vary unevenly, 8 where only one varies.
- Two classes, one of which grows from 20 to 60 %: found on 57 % of the days with 5 blocks of 1,000 rows, on none with
  3, because nothing can be moderated. Have 10 blocks or more.

**Spending.** Each run's record has its estimated cost ([cost](cost.md)); the month is the calendar month in UTC.
Once `budget.month_usd` is used up, runs end as skipped where they would train, with this reason; a waiting challenger
is still compared, and serving continues. `contender retrain --over-budget` trains once all the same. A run is not
stopped while it trains, so a month may cost one training more than its budget.

**Older versions** without a counted holdout (`holdout_counts.json`) have neither `LiveLossExcess` nor `ShareShift`.
"""


def page() -> str:
    """The page as Markdown."""
    rows = [f"| `{gauge.name}` | {gauge.unit} | {gauge.meaning} | {gauge.rests_on} |\n" for gauge in GAUGES]
    return INTRODUCTION + "".join(rows) + DETAILS


if __name__ == "__main__":
    sys.stdout.write(page())

"""How often each contestant alarms where nothing has changed, and how often where something has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.contest import CannotRunError, alarms_here, run
from benchmarks.environments import (
    ALIBI_DETECT,
    CONTENDER,
    DEEPCHECKS,
    EVIDENTLY,
    FROUROS,
    NANNYML,
    SCIPY,
    WHYLOGS,
    Contestant,
)
from benchmarks.frames import (
    DAY,
    FLIGHT_CATEGORICAL,
    FLIGHT_NUMERIC,
    SCENARIOS,
    Group,
    flight_frame,
    next_days,
    rolling_days,
    scenarios,
)
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table

RATE = 0.05
STARTING_SECONDS = 300.0


@dataclass(frozen=True)
class Entrant:
    """One line of the tables: what counts as an alarm is any feature flagged, or the contestant's own verdict."""

    contestant: Contestant
    rule: str
    alarm: Literal["any feature", "verdict"] = "any feature"

    @property
    def name(self) -> str:
        return f"{self.contestant.name}, {self.rule}" + (": its verdict" if self.alarm == "verdict" else "")

    def alarms(self, answers: Iterable[Mapping[str, Any]]) -> list[bool]:
        if self.alarm == "verdict":
            return [bool(answer["verdict"]) for answer in answers]
        return [answer["flagged"] > 0 for answer in answers]


PEERS = (
    Entrant(SCIPY, "KS + chi-square, Holm"),
    Entrant(ALIBI_DETECT, "tabular, Bonferroni"),
    Entrant(ALIBI_DETECT, "classifier"),
    Entrant(EVIDENTLY, "default"),
    Entrant(EVIDENTLY, "default", "verdict"),
    Entrant(EVIDENTLY, "KS + chi-square"),
    Entrant(NANNYML, "default"),
    Entrant(NANNYML, "KS + chi-square"),
    Entrant(NANNYML, "PCA reconstruction"),
    Entrant(WHYLOGS, "default"),
    Entrant(FROUROS, "KS + chi-square"),
    Entrant(DEEPCHECKS, "feature drift"),
    Entrant(DEEPCHECKS, "multivariate drift"),
)
ROWS = Entrant(CONTENDER, "independent rows", "verdict")
CLASSIFIER = Entrant(CONTENDER, "with the domain classifier", "verdict")
DAYS, ROLLING = Entrant(CONTENDER, "days", "verdict"), Entrant(CONTENDER, "days, 1/60", "verdict")

Answers = list[dict[str, Any]]
Experiment = dict[tuple[Contestant, str], Answers]


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Attributes
    ----------
    trials : by the rows of a batch, where a contestant is fast enough.
    seconds : of the processor, for each rule and size; whoever is slower makes fewer trials (the tables say how
        many).
    days : of the sixty after January and February, and of those that have a window of days before them; None for all.
    one_in : of so many flights one is taken.
    ours_only : whether the peers are left out, and Contender needs no process of its own.
    """

    trials: Mapping[int, int]
    seconds: float
    days: int | None = None
    one_in: int = 1
    ours_only: bool = False

    def seconds_of(self, contestant: Contestant) -> float:
        """The figures that must hold are Contender's, so it makes all its trials."""
        return 20.0 * self.seconds if contestant is CONTENDER else self.seconds


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort({5_000: 1}, 1.0, days=2, one_in=10, ours_only=True),
    "quick": Effort({500: 60, 5_000: 60, 50_000: 12}, 4.0),
    "full": Effort({500: 200, 5_000: 200, 50_000: 60}, 12.0),
}


def measure(*, size: Size, report: Report) -> Part:
    """Independent batches of three sizes, and real days."""
    effort = EFFORTS[size]
    frame = flight_frame().iloc[:: effort.one_in].reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), frame, effort, report)
        iid = {rows: stage.independent(rows, trials) for rows, trials in effort.trials.items()}
        days, rolling = stage.days(), stage.rolling()
    tables = [_iid_table(iid), _better_peers(iid), _days_table(days, rolling)]
    text = "\n\n".join([_about(), *tables])
    figures = [*_iid_figures(iid), *_days_figures(days, rolling)]
    return Part("Calibration and power of drift checks", command("calibration", size), text, figures)


@dataclass(frozen=True)
class Stage:
    """Where the contestants meet: the frame they all see lies in the folder."""

    folder: Path
    frame: pd.DataFrame
    effort: Effort
    report: Report

    def independent(self, size: int, trials: int) -> Experiment:
        """Rows drawn at random from the year."""
        groups = [scenarios(self.frame, size, seed=1, trial=trial) for trial in range(trials)]
        return self._run(f"{size:,} rows", groups, (ROWS, CLASSIFIER, *PEERS), chunk_rows=size, day="")

    def days(self) -> Experiment:
        return self._run(
            "60 days",
            [next_days(self.frame, days=self.effort.days or 60)],
            (ROWS, DAYS, *PEERS),
            chunk_rows=0,
            day=DAY,
            patience=3.0,
        )

    def rolling(self) -> Experiment:
        return self._run(
            "rolling", list(islice(rolling_days(self.frame), self.effort.days)), (ROLLING,), chunk_rows=0, day=DAY
        )

    def _run(
        self,
        name: str,
        groups: Sequence[Group],
        entrants: Sequence[Entrant],
        *,
        chunk_rows: int,
        day: str,
        patience: float = 1.0,
    ) -> Experiment:
        """Two contestants at a time, each with its seconds (times `patience`)."""
        frame = self.folder / "frame.parquet"
        if not frame.exists():
            self.frame.to_parquet(frame, index=False)
        task = {
            "frame": str(frame),
            "groups": [group.write(self.folder / f"group_{place}.npz") for place, group in enumerate(groups)],
            "numeric": FLIGHT_NUMERIC,
            "categorical": FLIGHT_CATEGORICAL,
            "chunk_rows": chunk_rows,
            "day": day,
        }
        asked = dict.fromkeys((entrant.contestant, entrant.rule) for entrant in entrants)
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(lambda pair: self._ask(name, *pair, task, patience), asked)
            return dict(zip(asked, answers, strict=True))

    def _ask(
        self, experiment: str, contestant: Contestant, rule: str, task: Mapping[str, Any], patience: float
    ) -> Answers:
        """A contestant's answers; none where it cannot run."""
        seconds = patience * self.effort.seconds_of(contestant)
        task = {**task, "seconds": seconds}
        if self.effort.ours_only:
            return alarms_here(contestant, rule, task) if contestant is CONTENDER else []
        try:
            answers: Answers = run("alarms", contestant, rule, task, timeout=STARTING_SECONDS + 4.0 * seconds)
        except CannotRunError as error:
            self.report(f"{experiment}: {contestant.name}, {rule}: {error}")
            return []
        self.report(f"{experiment}: {contestant.name}, {rule}: {len(answers)} checks")
        return answers


def alarms_of(experiment: Experiment, entrant: Entrant, batch: str = "") -> list[bool]:
    """Whether the entrant alarmed on each batch of that name (on each batch at all)."""
    answers = experiment.get((entrant.contestant, entrant.rule), [])
    return entrant.alarms(answer for answer in answers if batch in ("", answer["batch"]))


def interval_of(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Clopper & Pearson 1934)."""
    low, high = stats.binomtest(count, of).proportion_ci(0.95)
    return float(low), float(high)


def _about() -> str:
    return (
        "Real flights out of New York in 2013, seven numeric features (minute and delay of departure, distance, "
        "planned duration, humidity, wind, visibility) and three categorical ones (carrier, origin, destination). "
        "One check for each batch. An alarm is any flagged feature, or the tool's verdict if the line says so. "
        "Contender's lines are single checks at 5 % without minimum effects, like the others'; its verdicts also need "
        "evidence over time (next section)."
    )


def _iid_table(iid: Mapping[int, Experiment]) -> str:
    lines = []
    for entrant in (ROWS, CLASSIFIER, *PEERS):
        cells = [" / ".join(_percent(alarms_of(iid[size], entrant, name)) for size in iid) for name in SCENARIOS]
        tried = " / ".join(str(len(alarms_of(iid[size], entrant, SCENARIOS[0]))) for size in iid)
        lines.append([entrant.name, *cells, tried])
    sizes = " / ".join(f"{rows:,}" for rows in iid)
    return (
        f"**Independent rows.** Alarms in % for batches of {sizes} rows against five times as many, drawn "
        "from the whole year without replacement. One feature changes: humidity moves by 0.1 of its standard "
        "deviation; 2 rows in 100 change carrier; or delays are shuffled among the batch's flights, which leaves "
        "every single feature as it was. A dash: no trial finished in the time limit. "
        "NannyML's domain classifier is left out: it fits five models for every chunk, including the reference's, and "
        "took minutes for one trial.\n\n" + markdown_table(["", *SCENARIOS, "trials"], lines)
    )


LEAST_TRIALS = 5


def _better_peers(iid: Mapping[int, Experiment]) -> str:
    """Who keeps to 5 % without drift, as far as their trials tell, and sees a change more often than Contender."""
    found = []
    for (size, experiment), name in product(iid.items(), SCENARIOS[1:]):
        ours = max(_mean(alarms_of(experiment, entrant, name)) for entrant in (ROWS, CLASSIFIER))
        for peer in PEERS:
            calm, alarms = (alarms_of(experiment, peer, each) for each in (SCENARIOS[0], name))
            keeps_rate = len(calm) >= LEAST_TRIALS and interval_of(sum(calm), len(calm))[0] <= RATE
            if keeps_rate and _mean(alarms) > ours:
                found.append(f"{peer.name} ({name}, {size:,} rows: {_percent(alarms)} % against {100.0 * ours:.3g} %)")
    told = "; ".join(found) if found else "nobody"
    return (
        f"Better than both of Contender's lines, with at least {LEAST_TRIALS} trials and a rate without drift that "
        f"agrees with 5 %: {told}."
    )


def _percent(alarms: Sequence[bool]) -> str:
    return f"{100.0 * np.mean(alarms):.3g}" if alarms else "–"


def _days_table(days: Experiment, rolling: Experiment) -> str:
    lines = []
    for entrant in (DAYS, ROWS, *PEERS):
        alarms = alarms_of(days, entrant)
        lines.append([entrant.name, f"{sum(alarms)} of {len(alarms)}" if alarms else "–"])
    alarms = alarms_of(rolling, ROLLING)
    low, high = _expected(len(alarms), 1.0 / 60.0)
    return (
        "**Real days.** January and February are the reference; each of the next 60 days is a batch. Days differ "
        f"from each other even without drift; a valid check at 5 % alarms {_span(*_expected(60, RATE))} times in 60 "
        "(95 % of the binomial distribution). For Contender and NannyML a day is one chunk.\n\n"
        + markdown_table(["", "alarms"], lines)
        + "\n\nFew alarms are good only from a tool that detects the changes in the table above."
        + f"\n\nOver the whole year, each day against the 59 before it at a rate of 1/60: {sum(alarms)} alarms in "
        f"{len(alarms)} days; expected are {_span(low, high)}."
    )


def _expected(trials: int, rate: float) -> tuple[int, int]:
    """Where 95 % of counts lie at this rate."""
    low, high = stats.binom.ppf([0.025, 0.975], trials, rate)
    return int(low), int(high)


def _span(low: int, high: int) -> str:
    return f"{low} to {high}"


def _iid_figures(iid: Mapping[int, Experiment]) -> list[Figure]:
    figures = []
    for entrant in (ROWS, CLASSIFIER):
        for size, experiment in iid.items():
            alarms = alarms_of(experiment, entrant, "no drift")
            low, high = interval_of(sum(alarms), len(alarms)) if alarms else (np.nan, np.nan)
            name = f"{entrant.rule}, no drift, {size:,} rows: alarms {_percent(alarms)} % of {len(alarms)}"
            figures.append(Figure(f"{name} (95 % up to {high:.1%}), lower end", low, RATE, "at most"))
    shift, joint = alarms_of(iid[5_000], ROWS, SCENARIOS[1]), alarms_of(iid[5_000], CLASSIFIER, SCENARIOS[3])
    return [
        *figures,
        Figure("power against +0.1 sd at 5,000 rows, independent rows", _mean(shift), 0.90, "at least"),
        Figure("power against correlation only at 5,000 rows, classifier", _mean(joint), 0.85, "at least"),
    ]


def _days_figures(days: Experiment, rolling: Experiment) -> list[Figure]:
    figures = []
    for entrant, experiment, rate in ((DAYS, days, RATE), (ROLLING, rolling, 1.0 / 60.0)):
        alarms = alarms_of(experiment, entrant)
        name = f"real days at {rate:.3g}: alarms in {len(alarms)}, within the binomial interval"
        figures.append(Figure(name, sum(alarms) if alarms else np.nan, _expected(len(alarms), rate)[1], "at most"))
    return figures


def _mean(alarms: Sequence[bool]) -> float:
    return float(np.mean(alarms)) if alarms else np.nan

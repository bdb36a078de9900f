"""The default policy beside calendars, hindsight and other rules, on many streams, clean and with broken batches.

*Kept* is the share of the gain from never to always retraining: in log loss for classes, in absolute error for a
regression. Calendars, *always* and hindsight serve what they train without comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from benchmarks.environments import FOLDER
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.streams.broken import broken_batches
from benchmarks.streams.calendars import Times, every, with_as_many
from benchmarks.streams.detectors import detector_times
from benchmarks.streams.generated import GENERATORS, generated
from benchmarks.streams.loop import Outcome, run, served_calendar
from benchmarks.streams.models import Models
from benchmarks.streams.packaged import PACKAGED
from benchmarks.streams.published import published_times
from benchmarks.streams.stream import Stream
from benchmarks.tables import markdown_table
from contender.pipeline.training_policy import TrainingPolicy
from contender.replay.hindsight import best_times
from contender.replay.loss_matrix import LossMatrix
from contender.training.fingerprint import code_sha256

PROJECT = Path(__file__).resolve().parents[1]
CHECKED = TrainingPolicy().checks_batches
"""Whether the pipeline, as it ships, sets a batch aside that looks broken."""
SURE_GAIN = 2.0
"""Standard errors that always' gain must be above 0, so that shares of it mean something."""
QUICK = (
    "sea, abrupt", "hyperplane, gradual", "agrawal, recurring", "friedman, abrupt", "gauss", "flights by month",
    "bikes by month", "sea stream", "banana", "trump approval",
)  # fmt: skip
SMOKE = ("sea, abrupt", "friedman, none")
BATCHES_A_BEGINNING = 8
"""A stream begins later as often as it has so many batches: calendars keep more or less by luck of where it begins."""
BROKEN_CALENDARS = (1, 2, 3)

LEAST_KEPT, LEAST_KEPT_ON_EACH, MOST_RETRAINS = 95.0, 90.0, 0.5
WORST_BEHIND_CALENDAR, LEAST_AHEAD, LEAST_OF_THE_WAY = 1.0, 2.0, 0.25
MOST_LOST_BY_BROKEN, LEAST_STOPPED = 3.0, 0.95


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found on one stream.

    Attributes
    ----------
    default, other : the pipeline's policy as it ships, and with the check of batches the other way round.
    others : the batches of the matrix after which a drift detector or a published rule retrains, by its name.
    later : the same stream with a first model that comes some batches later.
    """

    stream: Stream
    matrix: LossMatrix
    default: Outcome
    other: Outcome
    others: Mapping[str, Times]
    later: Sequence[Measured] = ()

    @cached_property
    def never(self) -> float:
        return self.loss(())

    @cached_property
    def always(self) -> float:
        return self.loss(every(1, len(self.matrix.positions)))

    def loss(self, times: Sequence[int]) -> float:
        """The mean loss of retraining after these batches of the matrix."""
        return self.matrix.mean_loss(times, self.stream.rows[self.stream.start - 1 :])

    def kept(self, loss: float) -> float:
        """In percent."""
        return 100.0 * (self.never - loss) / (self.never - self.always)

    @property
    def share(self) -> float:
        """The default's retrains among always'."""
        return len(self.default.retrained) / self.stream.most_retrains

    @cached_property
    def calendar(self) -> float:
        """Kept by the best calendar with as many retrains as the default."""
        batches = len(self.matrix.positions)
        return max(self.kept(self.loss(times)) for times in with_as_many(len(self.default.retrained), batches))

    @cached_property
    def hindsight(self) -> float:
        """Kept by the best times for as many retrains."""
        weights = self.stream.rows[self.stream.start - 1 :]
        return self.kept(best_times(self.matrix, weights, len(self.default.retrained))[-1].loss)

    @cached_property
    def is_sure(self) -> bool:
        """Whether always retraining gains anything for sure."""
        rows = self.stream.rows[self.stream.start :]
        losses = self.matrix.losses
        last = np.arange(1, len(self.matrix.positions))
        gains = losses[0, last] - losses[last - 1, last]
        mean = float(np.average(gains, weights=rows))
        error = float(np.sqrt((rows**2 * (gains - mean) ** 2).sum()) / rows.sum())
        return mean > SURE_GAIN * error


@dataclass(frozen=True, eq=False)
class Broken:
    """What was found on the same stream with broken batches.

    Attributes
    ----------
    kinds : of the broken batches by place.
    calendars : loss, and how many broken batches' models served, by the number of batches between retrains.
    """

    clean: Measured
    kinds: Mapping[int, str]
    default: Outcome
    other: Outcome
    calendars: Mapping[int, tuple[float, int]]

    def fall(self, clean: float, broken: float) -> float:
        """In points of kept."""
        return self.clean.kept(clean) - self.clean.kept(broken)


def measure(*, size: Size, report: Report) -> Part:
    """Run every policy over every stream."""
    folder = None if size == "smoke" else FOLDER / "policies" / code_sha256(PROJECT)[:12]
    found, with_broken = [], []
    for name, make in _streams(size).items():
        stream = make()
        clean = _measured(stream, folder)
        found.append(clean)
        if clean.is_sure or size == "smoke":
            with_broken.append(_broken(clean, folder))
        report(f"{name}: kept {clean.kept(clean.default.loss):.1f} %, calendar {clean.calendar:.1f} %")
    sure = [each for each in found if each.is_sure] or found
    text = [
        _about(),
        _clean_table(found),
        _sums(sure),
        _beginnings(sure),
        *_others_table(sure),
        _broken_table(with_broken),
    ]
    title = "The default policy against calendars"
    return Part(title, command("policies", size), "\n\n".join(text), [*_figures(sure), *_broken_figures(with_broken)])


def _streams(size: Size) -> Mapping[str, Callable[[], Stream]]:
    if size == "smoke":
        return {name: partial(small_stream, name) for name in SMOKE}
    everything = {**{name: partial(generated, name) for name in GENERATORS}, **PACKAGED}
    return everything if size == "full" else {name: everything[name] for name in QUICK}


def small_stream(name: str) -> Stream:
    """A few rows and small models."""
    stream = generated(name, batches=9, rows=100)
    training = replace(stream.config.training, parameters={"max_iter": 5})
    return replace(stream, config=replace(stream.config, training=training))


def _measured(stream: Stream, folder: Path | None) -> Measured:
    models = Models(stream, folder=folder / _file_name(stream) if folder else None)
    outcomes = [run(models, checks_batches=checked) for checked in (CHECKED, not CHECKED)]
    matrix = models.matrix()
    others = {**(detector_times(models) if folder else {}), **published_times(matrix)}
    default, other = outcomes
    return Measured(stream, matrix, default, other, others, [_later(models, by) for by in _laters(stream)])


def _laters(stream: Stream) -> range:
    """How many batches later a first model may come."""
    return range(1, len(stream.batches) // BATCHES_A_BEGINNING + 1)


def _later(models: Models, by: int) -> Measured:
    later = replace(models, stream=replace(models.stream, start=models.stream.start + by))
    outcome = run(later, checks_batches=CHECKED)
    return Measured(later.stream, later.matrix(), outcome, outcome, {})


def _broken(clean: Measured, folder: Path | None) -> Broken:
    stream = clean.stream
    found = broken_batches(stream)
    tables = {place: table for place, (_, table) in found.items()}
    models = Models(stream, tables, folder / f"{_file_name(stream)}_broken" if folder else None)
    outcomes = [run(models, checks_batches=checked) for checked in (CHECKED, not CHECKED)]
    calendars = {}
    for each in BROKEN_CALENDARS:
        times = [stream.start - 1 + time for time in every(each, len(clean.matrix.positions))]
        loss, served = served_calendar(models, times)
        calendars[each] = (loss, len(served))
    return Broken(clean, {place: kind for place, (kind, _) in found.items()}, *outcomes, calendars)


def _file_name(stream: Stream) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in stream.name)


def _figures(found: Sequence[Measured]) -> list[Figure]:
    kept = np.array([each.kept(each.default.loss) for each in found])
    calendar = np.array([each.calendar for each in found])
    hindsight = np.array([each.hindsight for each in found])
    ahead = kept - calendar
    way = float(ahead.mean() / max((hindsight - calendar).mean(), 1e-9))
    return [
        Figure("default: retrains as a share of always'", float(np.mean([each.share for each in found])),
               MOST_RETRAINS, "at most"),
        Figure("default: kept, mean over streams (%)", float(kept.mean()), LEAST_KEPT, "at least"),
        Figure("default: kept on the worst stream (%)", float(kept.min()), LEAST_KEPT_ON_EACH, "at least"),
        Figure("default: points behind the best calendar with as many retrains, worst stream", float(-ahead.min()),
               WORST_BEHIND_CALENDAR, "at most"),
        Figure("default: points ahead of that calendar, mean", float(ahead.mean()), LEAST_AHEAD, "at least"),
        Figure("default: share of the way from that calendar to hindsight", way, LEAST_OF_THE_WAY, "at least"),
    ]  # fmt: skip


def _broken_figures(found: Sequence[Broken]) -> list[Figure]:
    falls = [each.fall(each.clean.default.loss, each.default.loss) for each in found]
    batches = sum(len(each.kinds) for each in found)
    stopped = 1.0 - sum(len(each.default.broken_promoted) for each in found) / batches
    return [
        Figure("default: points of kept that broken batches cost, mean", float(np.mean(falls)),
               MOST_LOST_BY_BROKEN, "at most"),
        Figure("default: share of broken batches whose model is not promoted", stopped, LEAST_STOPPED, "at least"),
    ]  # fmt: skip


def _about() -> str:
    name = "without the check of each batch" if CHECKED else "with a check of each batch before it is trained on"
    return (
        "Kept: the share of the gain from never to always retraining, in log loss or absolute error. The calendar is "
        "the better of two with as many retrains as the default: every so many batches, and evenly spread. Hindsight: "
        "the best times for as many retrains, known only afterwards. *Other* is the default "
        f"{name}: a batch that looks broken is not trained on until the next one has come. Above 100 %: always "
        "retraining is not the best."
    )


def _clean_table(found: Sequence[Measured]) -> str:
    header = ("stream", "batches", "never", "always", "default: retrains", "kept", "calendar", "hindsight", "other")
    return markdown_table(header, [_clean_row(each) for each in found])


def _clean_row(found: Measured) -> list[str]:
    done, most = len(found.default.retrained), found.stream.most_retrains
    cells = [found.stream.name, str(len(found.stream.batches)), f"{found.never:.4g}", f"{found.always:.4g}"]
    cells.append(f"{done} of {most}")
    if not found.is_sure:
        return [*cells, "no sure gain", "–", "–", "–"]
    values = (found.kept(found.default.loss), found.calendar, found.hindsight, found.kept(found.other.loss))
    return [*cells, *(f"{value:.1f} %" for value in values)]


def _sums(found: Sequence[Measured]) -> str:
    kept = np.array([each.kept(each.default.loss) for each in found])
    calendar = np.array([each.calendar for each in found])
    behind = [each.stream.name for each in found if each.kept(each.default.loss) < each.calendar]
    lost = f" A calendar with as many retrains keeps more on {len(behind)}: {', '.join(behind)}." if behind else ""
    return f"Mean of {len(found)} streams: default {kept.mean():.1f} %, calendar {calendar.mean():.1f} %.{lost}"


def _beginnings(found: Sequence[Measured]) -> str:
    """The same with first models that come later: a calendar's figure on one history is mostly luck."""
    rows = [
        [each.share, each.kept(each.default.loss), each.calendar, each.hindsight]
        for stream in found
        for each in stream.later
    ]
    by_stream = [[each.kept(each.default.loss) - each.calendar for each in stream.later] for stream in found]
    share, kept, calendar, hindsight = np.mean(rows, axis=0)
    ahead = np.array([np.mean(values) for values in by_stream])
    error = float(ahead.std(ddof=1) / np.sqrt(len(ahead)))
    return (
        f"**With a first model from one to five batches later** ({len(rows)} cases): {100.0 * share:.0f} % of always' "
        f"retrains, kept {kept:.1f} %, the better calendar {calendar:.1f} %, hindsight {hindsight:.1f} %. By stream "
        f"the default is {ahead.mean():+.1f} points from that calendar (standard error {error:.1f}). Which of the two "
        "calendars is the better one is known only afterwards."
    )


def _others_table(found: Sequence[Measured]) -> Iterator[str]:
    """Detectors and published rules as policies."""
    names = dict.fromkeys(name for each in found for name in each.others)
    lines = []
    for name in names:
        watched = [each for each in found if name in each.others]
        kept = np.array([each.kept(each.loss(each.others[name])) for each in watched])
        shares = [len(each.others[name]) / each.stream.most_retrains for each in watched]
        ours = np.mean([each.kept(each.default.loss) for each in watched])
        share = f"{100.0 * float(np.mean(shares)):.0f} %"
        lines.append([name, str(len(watched)), share, f"{kept.mean():.1f} %", f"{kept.min():.1f} %", f"{ours:.1f} %"])
    if lines:
        header = ("rule", "streams", "retrains of always'", "kept", "on the worst stream", "default there")
        yield (
            "Other rules of when to retrain; what comes of it serves without comparison. ADWIN, DDM and KSWIN are "
            "drift detectors of river on the champion's losses, with their own settings: a detection retrains. CARA "
            "(Mahadevan & Mathioudakis 2024) and UPF (Regol et al. 2025) are written from the papers' descriptions "
            "(`benchmarks/streams/published.py`); both retrain with every batch of the first fifth, on which they are "
            "tuned to retrain with half of the batches.\n\n" + markdown_table(header, lines)
        )


def _broken_table(found: Sequence[Broken]) -> str:
    batches = sum(len(each.kinds) for each in found)
    lines = [
        _broken_row("default", [(each.clean.default.loss, each.default.loss, len(each.default.broken_promoted), each)
                                for each in found]),
        _broken_row("other", [(each.clean.other.loss, each.other.loss, len(each.other.broken_promoted), each)
                              for each in found]),
    ]  # fmt: skip
    for each in BROKEN_CALENDARS:
        rows = []
        for stream in found:
            loss, served = stream.calendars[each]
            clean = stream.clean.loss(every(each, len(stream.clean.matrix.positions)))
            rows.append((clean, loss, served, stream))
        lines.append(_broken_row("always" if each == 1 else f"every {each}", rows))
    header = ("policy", "kept, clean", "kept, broken", "points lost", "on the worst stream", "broken batches promoted")
    told = (
        f"**One batch in ten is broken** ({batches} in {len(found)} streams: labels flipped, a unit changed, an older "
        "file again, a column shuffled, the first fifth of the rows only). Users' requests are not broken."
    )
    return f"{told}\n\n{markdown_table(header, lines)}\n\n{_promoted_anyway(found)}"


def _promoted_anyway(found: Sequence[Broken]) -> str:
    """The broken batches that the default lets through, and how it knew the others."""
    through = [
        f"{each.clean.stream.name} ({each.kinds[place]})" for each in found for place in each.default.broken_promoted
    ]
    signs = [each.default.set_aside.get(place, "none") for each in found for place in each.kinds]
    counted = ", ".join(f"{sign} {signs.count(sign)}" for sign in dict.fromkeys(signs))
    alarms = sum(len(each.clean.default.set_aside) for each in found)
    rows = sum(each.clean.stream.most_retrains for each in found)
    return (
        f"Signs by which the default knew the broken ones: {counted}. Promoted by the default: "
        f"{', '.join(through) or 'none'}. Without broken batches it sets aside {alarms} of {rows}."
    )


def _broken_row(name: str, rows: Sequence[tuple[float, float, int, Broken]]) -> list[str]:
    clean = np.array([stream.clean.kept(before) for before, _, _, stream in rows])
    broken = np.array([stream.clean.kept(after) for _, after, _, stream in rows])
    batches = sum(len(stream.kinds) for *_, stream in rows)
    promoted = sum(served for _, _, served, _ in rows)
    falls = clean - broken
    values = [f"{clean.mean():.1f} %", f"{broken.mean():.1f} %", f"{falls.mean():.1f}", f"{falls.max():.1f}"]
    return [name, *values, f"{promoted} of {batches}"]

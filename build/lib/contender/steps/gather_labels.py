"""Gathers the labelled predictions that no dataset version has, as one more upload of a run.

Files of feedback are read once: which were read is written down after their rows are in a dataset version or set aside,
so that a run that fails in between reads them again. Rows that come twice are known by the prediction's id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from contender.data.feedback_rows import ID, ChosenRows, FeedbackFormat, as_upload, choose_rows, newest_labels
from contender.data.labelled_folder import Marks, labelled_folder, read_marks, read_marks_key, set_aside_folder
from contender.errors import InvalidInputError
from contender.formatting import counted
from contender.pipeline.config import PipelineConfig
from contender.ports import Batch, Objects
from contender.storage import sha256
from contender.table import Table

MOST_ROWS = 200_000
"""What one run takes; later files wait for the next."""
FILES_AT_ONCE = 16
LATE_DAYS = 15
"""So long after its day a file may still come: what lay among the dead letters for 14 days, and was redriven."""
NO_LIMIT = 1 << 62


@dataclass(frozen=True, eq=False)
class Gathered:
    """Labelled rows that no dataset version has.

    Attributes
    ----------
    rows : one for each prediction; None where nothing was found.
    chosen : what becomes of which of them.
    read : the files that they came from, by folder.
    waits : too few enter for a dataset version: they come again with the next ones.
    unreadable : keys of files that cannot be read; the next run tries them again.
    """

    rows: Table | None = None
    chosen: ChosenRows | None = None
    read: Mapping[str, Sequence[str]] = field(default_factory=dict)
    waits: bool = False
    unreadable: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What became of the rows, and which files could not be read; empty where there is nothing to say."""
        said = [self.chosen.sentence] if self.chosen is not None and not self.waits else []
        if self.unreadable:
            files = counted(len(self.unreadable), "file")
            said.append(f"{files} of feedback cannot be read, the first is {self.unreadable[0]}.")
        return " ".join(said)

    @property
    def taken(self) -> int:
        """How many rows enter, if they keep the contract."""
        return self.chosen.rows if self.chosen is not None else 0

    @property
    def suspicious(self) -> tuple[str, ...]:
        """The callers that are set aside."""
        return tuple(each.caller for each in self.chosen.suspicious) if self.chosen is not None else ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for the run's folder."""
        if self.rows is None or self.chosen is None:
            return {}
        return {"labelled": len(self.rows), **self.chosen.to_dict(), "unreadable": list(self.unreadable)}


def config_of_feedback(config: PipelineConfig) -> PipelineConfig:
    """The contract of labelled predictions: that of uploads, but the prediction's id names the row, whatever names it
    in uploads; how many rows there are and how old they are is no fault; and a corrected label replaces the first.

    Examples
    --------
    >>> config = PipelineConfig("p", "regression", "y", numeric=("a",))
    >>> config_of_feedback(config).row_id
    'prediction_id'
    """
    name = config.row_id or ID
    made_here = {config.row_id, config.time} - {*config.features}
    rules = {column: rule for column, rule in config.contract.items() if column not in made_here}
    validation = replace(
        config.validation,
        known_rows="once",
        late_labels=False,
        constant_target_rows=NO_LIMIT,
        max_rows_factor=0.0,
        max_age_days=0.0,
    )
    return replace(config, row_id=name, contract=rules, validation=validation)


@dataclass(frozen=True)
class LabelGatherer:
    """Gathers the labelled predictions of one pipeline.

    Attributes
    ----------
    most_rows : that one run takes, by whole groups of files; what is left waits for the next run.
    """

    objects: Objects
    config: PipelineConfig
    format: FeedbackFormat
    now: datetime
    most_rows: int = MOST_ROWS

    def gather(self) -> Gathered:
        """Read what is new and decide about it; nothing is written."""
        if not self.config.live.learn_from_feedback:
            return Gathered()
        keys = self._new_keys(read_marks(self.objects, self.config.name))
        read: dict[str, list[str]] = {}
        tables: list[Table] = []
        unreadable: list[str] = []
        rows = 0
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            for start in range(0, len(keys), FILES_AT_ONCE):
                if rows >= self.most_rows:
                    break
                some = keys[start : start + FILES_AT_ONCE]
                for key, found in zip(some, pool.map(self._read, some), strict=True):
                    if found is None:
                        unreadable.append(key)
                        continue
                    tables.append(found)
                    rows += len(found)
                    folder, _, name = key.rpartition("/")
                    read.setdefault(folder, []).append(name)
        if not rows:
            return Gathered(read=read, unreadable=tuple(unreadable))
        newest = newest_labels(Table.concatenate(tables))
        chosen = choose_rows(newest, self.config.live)
        is_few = 0 < chosen.rows < self.config.validation.min_rows and rows < self.most_rows
        return Gathered(newest, chosen, read, is_few, tuple(unreadable))

    def write(self, gathered: Gathered) -> Batch | None:
        """Keep the rows that are set aside, and write those that are taken as an upload; None where there is none."""
        rows, chosen = gathered.rows, gathered.chosen
        if rows is None or chosen is None or gathered.waits:
            return None
        for each in chosen.suspicious:
            body = self.format.write_table(rows.select_rows(chosen.rows_of(each.caller)))
            self.objects.put(f"{self._set_aside}/{each.caller}/{sha256(body)[:16]}.parquet", body)
        if not chosen.rows:
            return None
        config = config_of_feedback(self.config)
        body = self.format.upload_bytes(as_upload(rows.select_rows(chosen.taken), config), config)
        digest = sha256(body)
        key = f"{self._folder}/feedback-{digest[:16]}.parquet"  # by content: a repeated attempt writes the same file
        self.objects.put(key, body)
        return Batch(digest[:32], key, None, len(body), self.now.isoformat())

    def settle(self, gathered: Gathered) -> None:
        """Write down what was read: its rows are in a dataset version, in quarantine, set aside or left out."""
        if not gathered.read or gathered.waits:
            return
        known = {folder: set(names) for folder, names in read_marks(self.objects, self.config.name).items()}
        for folder, names in gathered.read.items():
            known.setdefault(folder, set()).update(names)
        days = self._days(known)
        kept = {
            folder: sorted(names)
            for folder, names in sorted(known.items())
            if folder in days or not folder.startswith(self._feedback)
        }
        self.objects.put(read_marks_key(self.config.name), json.dumps({"read": kept}).encode())

    def _new_keys(self, known: Marks) -> list[str]:
        """The files that were not read yet, the oldest first; before them those of callers that are trusted by now."""
        trusted = [f"{self._set_aside}/{caller}" for caller in self.config.live.trusted_callers]
        return [
            key
            for folder in (*trusted, *self._days(known))
            for key in self.objects.keys(f"{folder}/")
            if key.rpartition("/")[2] not in known.get(folder, ())
        ]

    def _days(self, known: Marks) -> list[str]:
        """The folders of days in which files may be new: all that are kept, the first time."""
        seen = any(folder.startswith(self._feedback) for folder in known)
        back = LATE_DAYS if seen else self.config.serving.keep_days
        days = [self.now - timedelta(days=day) for day in range(back, -2, -1)]  # a clock may be ahead
        return [f"{self._feedback}{day.date().isoformat()}" for day in days]

    def _read(self, key: str) -> Table | None:
        """None where a file is damaged: the others count."""
        body = self.objects.get(key).body
        try:
            if key.startswith(self._folder):
                return self.format.read_table(body)
            return self.format.read_feedback(body, self.config, None)
        except InvalidInputError:
            return None

    @property
    def _folder(self) -> str:
        return labelled_folder(self.config.name)

    @property
    def _set_aside(self) -> str:
        return set_aside_folder(self.config.name)

    @property
    def _feedback(self) -> str:
        return f"feedback/{self.config.name}/dt="

"""Files beside the dataset versions that hold rows of a person too: uploads, refused files, rows without labels.

Their forms differ, and nobody reads them again once a run has taken them: a file that holds a row is erased whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.data.labelled_folder import read_marks_key, set_aside_folder
from contender.errors import NotFoundError
from contender.ports import ErasableObjects
from contender.workflow.run_folder import VALIDATION

REASON = ".reason.json"
FOLDERS = ("incoming", "quarantine", "labelled")
"""Folders of the data bucket whose files are searched; what is set aside in `labelled` is searched as the log is."""

IdsIn = Callable[[str, bytes], frozenset[str] | None]
"""The ids of those of the rows that a file, by its key and bytes, holds; None where it cannot be read."""
Report = Callable[[str], None]


@dataclass(frozen=True)
class FoundFiles:
    """Files of the data bucket, by their keys.

    Attributes
    ----------
    holding : they hold one of the rows.
    made_of_them : features of rows whose labels had not come, and reasons why rows were refused, of these uploads.
    waiting : they hold one of the rows and are still to be processed, so that they stay.
    unreadable : whether they hold one, nobody can tell.
    ids : of the rows that are in `holding`.
    """

    holding: tuple[str, ...] = ()
    made_of_them: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()

    @property
    def erased(self) -> tuple[str, ...]:
        """Those that `erase_files` erases."""
        return (*self.holding, *self.made_of_them)

    def and_also(self, other: FoundFiles) -> FoundFiles:
        """Both."""
        return FoundFiles(
            (*self.holding, *other.holding),
            (*self.made_of_them, *other.made_of_them),
            (*self.waiting, *other.waiting),
            (*self.unreadable, *other.unreadable),
            self.ids | other.ids,
        )


def find_files(
    objects: ErasableObjects, pipeline: str, ids_in: IdsIn, *, waiting: Collection[str], report: Report
) -> FoundFiles:
    """Look for rows in uploads, those of labelled predictions too, and in quarantine; nothing is changed.

    Parameters
    ----------
    waiting : keys of uploads that no run has taken yet.
    """
    aside = (read_marks_key(pipeline), f"{set_aside_folder(pipeline)}/")
    listed = [key for folder in FOLDERS for key in objects.keys(f"{folder}/{pipeline}/")]
    every = [key for key in listed if not key.startswith(aside)]
    keys = [key for key in every if not key.endswith(REASON)]
    found: dict[str, frozenset[str]] = {}
    unreadable = []
    for number, key in enumerate(keys, start=1):
        report(f"looking in file {number} of {len(keys)}")
        ids = ids_in(key, objects.get(key).body)
        if ids is None:
            unreadable.append(key)
        elif ids:
            found[key] = ids
    holding = [key for key in found if key not in waiting]
    return FoundFiles(
        tuple(holding),
        (
            *_unlabelled(objects, pipeline, holding),
            *_reasons(objects, [key for key in every if key.endswith(REASON)], holding),
        ),
        tuple(key for key in found if key in waiting),
        tuple(unreadable),
        frozenset(one for key in holding for one in found[key]),
    )


def erase_files(objects: ErasableObjects, found: FoundFiles) -> None:
    """Erase what was found, with all its versions. It can be repeated."""
    for key in found.erased:
        objects.erase(key)


def _reasons(objects: ErasableObjects, keys: Sequence[str], holding: Sequence[str]) -> list[str]:
    """Why rows of these uploads, or these files, were refused; such a reason may quote a cell."""
    wanted = set(holding)
    return [key for key in keys if key.removesuffix(REASON) in wanted or _content(objects, key).get("key") in wanted]


def _content(objects: ErasableObjects, key: str) -> Mapping[str, Any]:
    try:
        read = json.loads(objects.get(key).body)
    except (NotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _unlabelled(objects: ErasableObjects, pipeline: str, uploads: Sequence[str]) -> list[str]:
    """The files that runs made of these uploads, where the labels had not come."""
    wanted, there = set(uploads), set(objects.keys(f"unlabelled/{pipeline}/"))
    names: dict[str, None] = {}
    for key in objects.keys(f"runs/{pipeline}/") if wanted and there else ():
        if not key.endswith(f"/{VALIDATION}"):
            continue
        for file in _content(objects, key).get("files", ()):
            if file.get("key") in wanted and file.get("unlabelled"):
                names[f"unlabelled/{pipeline}/{file['unlabelled']}.parquet"] = None
    return [name for name in names if name in there]

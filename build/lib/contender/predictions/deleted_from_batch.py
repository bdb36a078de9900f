"""Batch prediction holds rows of a person too: the file that was uploaded, and the results of its job.

A file that holds a row goes whole, with the results of its jobs. Its other rows can be predicted again: upload the file
without the row.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from contender.data.deletion.stored_files import FoundFiles, IdsIn, Report
from contender.errors import NotFoundError
from contender.ports import ErasableObjects
from contender.predictions.batch_folder import FAILURE, MANIFEST, PLAN, in_prefix, is_to_predict, out_prefix

Jobs = Mapping[str, Sequence[str]]
"""The objects of each job, by its prefix."""


def find_batch_files(
    objects: ErasableObjects,
    pipeline: str,
    in_uploads: IdsIn,
    in_results: IdsIn,
    *,
    lists: Sequence[str],
    report: Report,
) -> FoundFiles:
    """Look for rows in files to predict and in results; nothing is changed.

    Parameters
    ----------
    in_uploads, in_results : the ids that a file to predict holds, and a file of predictions.
    lists : keys of the lists of results that queries read, each named by its job.
    """
    uploads = [key for key in objects.keys(in_prefix(pipeline)) if is_to_predict(key, size=1)]
    jobs = _jobs(objects, pipeline)
    results = [key for keys in jobs.values() for key in keys if PurePosixPath(key).match("part-*.parquet")]
    ids: dict[str, frozenset[str]] = {}
    unreadable = []
    searched = [*((key, in_uploads) for key in uploads), *((key, in_results) for key in results)]
    to_predict = frozenset(uploads)
    for number, (key, ids_in) in enumerate(searched, start=1):
        report(f"looking in batch file {number} of {len(searched)}")
        found = ids_in(key, objects.get(key).body)
        if found:
            ids[key] = found
        elif found is None and key in to_predict:
            unreadable.append(key)
    with_rows = {
        prefix for prefix, keys in jobs.items() if not ids.keys().isdisjoint(keys) or _source(objects, prefix) in ids
    }
    under_way = {_source(objects, prefix) for prefix in with_rows if not _has_ended(jobs[prefix], prefix)}
    gone = sorted(prefix for prefix in with_rows if _has_ended(jobs[prefix], prefix))
    listed = {PurePosixPath(prefix).name for prefix in gone}
    held = [key for key in uploads if key in ids]
    holding = tuple(key for key in held if key not in under_way)
    return FoundFiles(
        holding,
        (
            *(key for prefix in gone for key in jobs[prefix]),
            *(key for key in lists if PurePosixPath(key).stem in listed),
        ),
        tuple(key for key in held if key in under_way),
        tuple(unreadable),
        frozenset(one for found in ids.values() for one in found),
    )


def _jobs(objects: ErasableObjects, pipeline: str) -> Jobs:
    folder, found = out_prefix(pipeline), defaultdict[str, list[str]](list)
    for key in objects.keys(folder):
        found[f"{folder}{key.removeprefix(folder).split('/')[0]}/"].append(key)
    return found


def _has_ended(keys: Sequence[str], prefix: str) -> bool:
    return bool({prefix + MANIFEST, prefix + FAILURE} & set(keys))


def _source(objects: ErasableObjects, prefix: str) -> str:
    """The key of the file that a job predicts; empty where its plan is gone or of another format."""
    try:
        return str(json.loads(objects.get(prefix + PLAN).body)["source"]["key"])
    except (NotFoundError, ValueError, LookupError, TypeError):
        return ""

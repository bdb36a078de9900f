"""What is computed once: pure parts of the steps, which give the same result for the same rows in every schedule.

The files of the simulation are few, and a schedule is about who does what when. So reading a file, holding it to the
contract and measuring its drift are remembered by their content, as is the pipeline file once parsed; each call of AWS
before, between and after them still happens. The report's page and the pictures' curves are left empty: nothing depends
on them. Nor is the wait before a write is repeated left to chance. Without this, a schedule takes several times as long
(decision 0067).
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import orjson

from contender.adapters.aws import dynamodb
from contender.adapters.files import rows_parquet, typed_rows
from contender.adapters.files.parquet_rows import read_parquet
from contender.adapters.files.rows_parquet import write_rows
from contender.adapters.files.typed_rows import open_upload
from contender.cli import dead_letters
from contender.comparison import judgements
from contender.data import datasets, intake
from contender.data.contract.batch import ParsedBatch
from contender.data.passes import first_pass, second_pass
from contender.drift import batch_check
from contender.errors import BatchRejectedError
from contender.pipeline.budget_policy import budget_of
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry import versions
from contender.steps import detect_drift, evaluate_challenger, record, scoring_run
from contender.training.settings import settings_of
from contender.workflow import run_folder
from tests.simulation import tiny_training
from tests.simulation.functions import HERE, SimulatedDatetime

Key = Callable[..., Any]
IN_MEMORY = ("/dev/shm",)
"""Where a folder of temporary files costs no disk; elsewhere it is where it always is."""
read_rows = lru_cache(read_parquet)
"""The rows of a dataset version's part."""


def remembered(function: Callable[..., Any], key: Key) -> Callable[..., Any]:
    """The function, whose results are kept by what `key` makes of its arguments."""
    known: dict[bytes, Any] = {}

    def asked(*given: Any, **named: Any) -> Any:
        about = _digest(key(*given, **named))
        if about not in known:
            known[about] = function(*given, **named)
        return known[about]

    return asked


def once_each(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of an object that is kept and never changed, called once for each."""
    known: dict[int, tuple[Any, Any]] = {}

    def asked(kept: Any) -> Any:
        if id(kept) not in known:
            known[id(kept)] = (kept, function(kept))
        return known[id(kept)][1]

    return asked


def _digest(content: Any) -> bytes:
    return sha256(pickle.dumps(content)).digest()


def _compact(content: Any, **options: Any) -> str:
    """As json.dumps, without line breaks, which only its slow encoder makes."""
    return json.dumps(content, **{**options, "indent": None})


class KnownRows:
    """An upload's rows, read once for all that have the same content."""

    def __init__(self, digest: bytes, read_as: str, cells: Any, batches: list[ParsedBatch], places: Any) -> None:
        self.digest, self.read_as, self.cells, self._batches, self.places = digest, read_as, cells, batches, places

    def readings(self) -> Iterator[Iterator[ParsedBatch]]:
        yield iter(self._batches)

    def batches(self) -> Iterator[ParsedBatch]:
        return iter(self._batches)


def _opened() -> Callable[..., Any]:
    known: dict[bytes, KnownRows | BatchRejectedError] = {}

    def opened(path: Path, name: str, folder: Path, config: PipelineConfig) -> KnownRows:
        digest = sha256(path.read_bytes()).digest()
        if digest not in known:
            known[digest] = _read(digest, path, name, folder, config)
        found = known[digest]
        if isinstance(found, BatchRejectedError):
            raise found
        return found

    return opened


def _read(digest: bytes, path: Path, name: str, folder: Path, config: PipelineConfig) -> KnownRows | BatchRejectedError:
    try:
        rows = open_upload(path, name, folder, config)
        batches: list[ParsedBatch] = []
        for reading in rows.readings():
            batches = list(reading)
        count = sum(len(batch.table) for batch in batches)
        places = rows.places(count)
    except BatchRejectedError as error:
        return error
    return KnownRows(digest, rows.read_as, dict(rows.cells), batches, lambda _: places)


def _second_pass() -> Callable[..., Any]:
    known: dict[Any, tuple[Any, bytes]] = {}

    def written(
        upload: Any, found: Any, enter: Any, config: Any, *, sequence: int, path: Path, unkept: Any, **more: Any
    ) -> Any:
        HERE.world.calls.write_to_disk("part")
        about = (upload.digest, enter.tobytes(), sequence, unkept)
        if about not in known:
            rows = second_pass.second_pass(
                upload, found, enter, config, sequence=sequence, path=path, unkept=unkept, **more
            )
            known[about] = (rows, path.read_bytes())
        rows, body = known[about]
        path.write_bytes(body)
        return rows

    return written


def _at_once(items: Iterable[Any], **_: Any) -> Iterator[Any]:
    return iter(items)


def _asdict(content: Any, factory: Any) -> Any:
    """As Python 3.12 does it: what cannot be changed is not copied."""
    kind = type(content)
    if kind in _PLAIN:
        return content
    if kind in (list, tuple):
        return kind([_asdict(each, factory) for each in content])
    return _slowly(content, factory)


_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_slowly: Callable[[Any, Any], Any] = dataclasses._asdict_inner  # type: ignore[attr-defined]


@cache
def _replacements() -> tuple[tuple[Any, str, Any], ...]:
    """Module, name, and what takes the place of it."""
    parsed = lru_cache(parse_pipeline)
    reference, named = SimpleNamespace(from_bytes=lru_cache(batch_check.Reference.from_bytes)), once_each(_digest)
    settings = once_each(settings_of)
    quick_json = SimpleNamespace(**{**vars(json), "dumps": _compact, "loads": orjson.loads})
    observe_key: Key = lambda _, grid, table, model: (named(grid), table.columns, model.predict(table))  # noqa: E731
    check_key: Key = lambda _, reference, table, model, current, **more: (  # noqa: E731
        named(reference),
        table.columns,
        model.predict(table),
        current,
        more,
    )
    reference_key: Key = lambda _, table, held, model: (table.columns, held, model.predict)  # noqa: E731
    look_key: Key = lambda upload, _, expected: (upload.digest, expected)  # noqa: E731
    return (
        (rows_parquet, "read_ahead", _at_once),
        (typed_rows, "read_ahead", _at_once),
        (scoring_run, "parse_pipeline", parsed),
        (detect_drift, "parse_pipeline", parsed),
        (tiny_training, "parse_pipeline", parsed),
        (detect_drift, "Reference", reference),
        (detect_drift, "observe", remembered(batch_check.observe, observe_key)),
        (detect_drift, "check_batch", remembered(batch_check.check_batch, check_key)),
        (detect_drift, "settings_of", settings),
        (tiny_training, "settings_of", settings),
        (tiny_training, "to_bytes", once_each(tiny_training.to_bytes)),
        (tiny_training, "reference_of", remembered(batch_check.reference_of, reference_key)),
        (intake, "look_at", remembered(first_pass.look_at, look_key)),
        (intake, "second_pass", _second_pass()),
        (dynamodb, "random", SimpleNamespace(uniform=lambda _, most: most)),
        *((module, "json", quick_json) for module in (run_folder, datasets, judgements, versions)),
        (dataclasses, "_asdict_inner", _asdict),
        (tempfile, "tempdir", next((folder for folder in IN_MEMORY if Path(folder).is_dir()), None)),
        (dead_letters, "datetime", SimulatedDatetime),
        (evaluate_challenger, "side_by_side", lambda _: {}),
        (record, "page", lambda _: "<html></html>"),
    )


@contextmanager
def remembering() -> Iterator[None]:
    """With these in place."""
    with ExitStack() as stack:
        for module, name, instead in _replacements():
            stack.enter_context(patch.object(module, name, instead))
        yield


@cache
def ports() -> dict[str, dict[str, Any]]:
    """The same for names in the functions' modules."""
    parsed = lru_cache(parse_pipeline)
    return {
        "Claim": {"budget_of": lru_cache(budget_of)},
        "ValidateBatch": {"parse_pipeline": parsed, "open_upload": _opened(), "write_rows": write_rows},
        "DetectDrift": {"read_parquet": read_rows},
        "EvaluateChallenger": {"read_parquet": read_rows},
    }

"""What intake needs of an upload: its rows, typed, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.findings import Places
from contender.pipeline.config import PipelineConfig
from contender.table import Table


class UploadedRows(Protocol):
    """A file that has been opened."""

    @property
    def read_as(self) -> str:
        """What the file was taken for."""

    @property
    def cells(self) -> Mapping[str, str]:
        """How the cells of a column were read, where they do not speak for themselves; nothing before they were."""

    def places(self, rows: int) -> Places:
        """Where a person finds each of its rows. May read the file once more: ask for it where a row is at fault."""

    def readings(self) -> Iterator[Iterator[ParsedBatch]]:
        """The same as `batches` while the file is read. A second reading follows where the last cells of a column say
        how the first ones are written, and only the last reading counts. Each is to be taken to its end.

        Raises
        ------
        BatchRejectedError
            When the file is damaged, or a row is none.
        """

    def batches(self) -> Iterator[ParsedBatch]:
        """All rows in their order, the same batches each time."""


OpenUpload: TypeAlias = Callable[[Path, str, Path, PipelineConfig], UploadedRows]
"""Opens a local file of a name, with a folder for temporary files. Raises BatchRejectedError where it cannot be read,
or has not the columns of the contract."""

WriteRows: TypeAlias = Callable[[Iterable[Table], Path], None]
"""Writes tables one under the other into a file: the part of a dataset version."""

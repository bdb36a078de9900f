"""The files to predict of one pipeline, in S3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from contender.adapters.aws.batch_source import SourceReader, find_source, unfinished
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.files.batch_contents import SourceFile, open_source
from contender.adapters.files.cells.style import CellStyle
from contender.predictions.batch_folder import JobFolder
from contender.predictions.batch_plan import Source


@dataclass(frozen=True)
class S3BatchFiles:
    """`client` is a boto3 client of S3, `style` that of the files' cells."""

    client: Any
    bucket: str
    pipeline: str
    style: CellStyle

    def find_source(self, key: str, version_id: str) -> Source:
        """A version of a file; the newest where none is named. Raises NotFoundError when it is gone."""
        return find_source(self.client, self.bucket, key, version_id=version_id)

    def open(self, source: Source) -> AbstractContextManager[SourceFile]:
        """A file, to be read. Raises BatchRejectedError when it cannot be."""
        return open_source(SourceReader(self.client, source), self.style)

    def unfinished(self, skip: Callable[[JobFolder], bool]) -> Sequence[Source]:
        """The files without a finished job, oldest first, but for those whose job `skip` leaves alone."""
        objects = S3Objects(self.client, self.bucket)
        return unfinished(self.client, objects, self.bucket, self.pipeline, skip)

"""The files to predict of one pipeline, in S3."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.adapters.aws.batch_source import SourceReader, find_source, unfinished
from contender.adapters.aws.s3 import S3Objects
from contender.adapters.files.batch_rows import look_at, read_part, write_predictions, write_rejected
from contender.predictions.batch_folder import JobFolder
from contender.predictions.batch_outcome import Rejected
from contender.predictions.batch_part import PartRows
from contender.predictions.batch_plan import JobPlan, Layout, Part, Source


@dataclass(frozen=True)
class S3BatchFiles:
    """`client` is a boto3 client of S3."""

    client: Any
    bucket: str
    pipeline: str

    def find_source(self, key: str, version_id: str) -> Source:
        """A version of a file; the newest where none is named. Raises NotFoundError when it is gone."""
        return find_source(self.client, self.bucket, key, version_id=version_id)

    def look_at(self, source: Source, part_rows: int) -> Layout:
        """Its columns, and the parts to predict it in. Raises BatchRejectedError when it cannot be read."""
        return look_at(SourceReader(self.client, source), part_rows)

    def unfinished(self, skip: Callable[[JobFolder], bool]) -> Sequence[Source]:
        """The files without a finished job, oldest first, but for those whose job `skip` leaves alone."""
        objects = S3Objects(self.client, self.bucket)
        return unfinished(self.client, objects, self.bucket, self.pipeline, skip)

    def read_part(self, plan: JobPlan, part: Part, features: Sequence[Mapping[str, Any]]) -> PartRows:
        """The part's rows of the file. Raises BatchRejectedError when no row can be read."""
        return read_part(SourceReader(self.client, plan.source), plan, part, features)

    def write_predictions(
        self, rows: PartRows, predictions: NDArray[np.float64], manifest: Mapping[str, Any], request_id: str
    ) -> bytes:
        """The predicted rows as Parquet."""
        return write_predictions(rows, predictions, manifest, request_id)

    def write_rejected(self, rejected: Sequence[Rejected]) -> bytes:
        """The other rows, one JSON document a line."""
        return write_rejected(rejected)

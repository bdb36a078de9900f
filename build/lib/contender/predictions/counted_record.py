"""A log record with its table entry and its contribution to live counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from contender.predictions.live_metrics import LiveCounts, Outputs, count_record, count_shadow
from contender.predictions.live_samples import LiveSample
from contender.predictions.record import CONTROL, Record
from contender.predictions.table_entries import Entry, LiveMinute
from contender.predictions.table_items import expiry, minute_of, rows_item


@dataclass(frozen=True)
class CountedRecord:
    """A record, and what it adds to live counts, by version and variant."""

    record: Record
    counts: Mapping[tuple[str, str], LiveCounts]

    @property
    def part(self) -> tuple[str, int]:
        """The request, and which part of it this is."""
        return self.record.request_id, self.record.part

    def entry(self, keep_days: int) -> Entry:
        """The record's item in the table, with its counts."""
        at, expires_at = self.record.at, expiry(self.record.at, keep_days)
        minutes = {
            LiveMinute(self.record.pipeline, version, variant, minute_of(at), expires_at): counts
            for (version, variant), counts in self.counts.items()
        }
        return Entry(rows_item(self.record, keep_days), minutes)

    def samples(self) -> Iterator[LiveSample]:
        """The record's live metrics (`MEASURED_VARIANTS`); a request's time counts with its first part."""
        if self.record.variant == CONTROL:
            return
        shadow = self.record.shadow
        for (version, variant), counts in self.counts.items():
            is_shadow = shadow is not None and (version, variant) == (shadow.version, shadow.live_variant)
            latency = shadow.latency_ms if shadow is not None and is_shadow else self.record.latency_ms
            yield LiveSample(version, variant, self.record.at, counts, [latency] if counts.requests else [])


def counted(record: Record, outputs_of: Callable[[str], Outputs]) -> CountedRecord:
    """Count a record's predictions, and those of the model that did not answer. `outputs_of` knows the versions.

    Raises
    ------
    InvalidInputError
        When a prediction has not as many numbers as its version has outputs.
    """
    counts = {(record.version, record.variant): count_record(record, outputs_of(record.version))}
    if record.shadow is not None:
        key = (record.shadow.version, record.shadow.live_variant)
        counts[key] = count_shadow(record, outputs_of(record.shadow.version))
    return CountedRecord(record, counts)

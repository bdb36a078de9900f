"""What a file was taken for: kept in the record of a run, so that a person can see it and overrule it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

Format: TypeAlias = Literal["CSV", "Parquet", "JSON Lines", "workbook"]

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Understood:
    """How a file was read.

    Attributes
    ----------
    format : of the content, whatever the file's name says.
    packed : gzip or zstd; empty for neither.
    encoding : of a text file; empty for others.
    delimiter, quote : of a CSV file; empty for others.
    notes : what else a person may want to know, such as a sheet that was chosen.

    Examples
    --------
    >>> Understood("CSV", packed="gzip", encoding="cp1252", delimiter=";").sentence
    'CSV with semicolons, cp1252, gzip'
    """

    format: Format
    packed: str = ""
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def sentence(self) -> str:
        """In a few words."""
        cells = f"CSV with {_DELIMITERS.get(self.delimiter, repr(self.delimiter))}" if self.delimiter else self.format
        return ", ".join(filter(None, (cells, self.encoding, self.packed, *self.notes)))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a run's record."""
        return {name: value for name, value in asdict(self).items() if value}

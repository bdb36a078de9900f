"""Quarantine: uploads that cannot be used, kept with the reason beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from contender.ports import Batch, Objects


@dataclass(frozen=True)
class Quarantine:
    """What one run takes out of the uploads of its pipeline."""

    objects: Objects
    pipeline: str
    run_id: str

    def key(self, batch: Batch) -> str:
        """Where the file is kept; the reason is beside it, with `.reason.json` added."""
        name = PurePosixPath(batch.key).name or "unnamed"
        return f"quarantine/{self.pipeline}/{self.run_id}/{batch.batch_id[:8]}-{name}"

    def keep(self, batch: Batch, reason: str, kinds: Sequence[Mapping[str, Any]] = ()) -> str:
        """Copy a whole file and write down why; returns its key. Raises NotFoundError when the file is gone."""
        key = self.key(batch)
        self.objects.copy(batch.key, key, version_id=batch.version_id)
        self.explain(key, {"reason": reason, **({"kinds": kinds} if kinds else {}), **asdict(batch)})
        return key

    def explain(self, key: str, content: Mapping[str, Any]) -> None:
        """Write down why, beside a key."""
        text = json.dumps({"run_id": self.run_id, **content}, indent=2, ensure_ascii=False)
        self.objects.put(key + ".reason.json", text.encode())

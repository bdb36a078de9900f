"""The checkpoint of a training, which an interrupted attempt leaves to the next one: its search, or its estimator.

Only what is finished is kept, after each piece of it, so that an attempt may be killed without a warning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contender.errors import NotFoundError
from contender.workflow.run_folder import CHECKPOINT, RunFolder

FORMAT = 1


class Checkpoint(Protocol):
    """Where finished pieces of a training are kept. Nothing here raises: a training goes on without."""

    def load(self) -> dict[str, Any] | None:
        """What an earlier attempt at the same training saved last; None where there is nothing of use."""

    def save(self, content: Mapping[str, Any]) -> None:
        """Keep JSON values in the place of what was kept before."""


class NoCheckpoint:
    """Keeps nothing."""

    def load(self) -> None:
        return None

    def save(self, content: Mapping[str, Any]) -> None:
        pass


NO_CHECKPOINT = NoCheckpoint()


@dataclass
class RunCheckpoint:
    """`checkpoint.json` in a run's folder.

    Attributes
    ----------
    belongs_to : what the training is made of, as a digest; what was saved for another one is ignored.
    report : told when a checkpoint cannot be used or kept.
    resumed : whether there was something of use.
    """

    folder: RunFolder
    belongs_to: str
    report: Callable[[str], None]
    resumed: bool = False

    def load(self) -> dict[str, Any] | None:
        try:
            found = self.folder.read(CHECKPOINT)
            if found["format"] != FORMAT or found["belongs_to"] != self.belongs_to:
                self.report("the checkpoint belongs to another training (code, settings or data differ) and is ignored")
                return None
            if hashlib.sha256(_canonical(found["content"])).hexdigest() != found["sha256"]:
                self.report("the checkpoint is damaged and is ignored")
                return None
            content: dict[str, Any] = found["content"]
        except NotFoundError:
            return None
        except Exception as error:  # whatever is wrong with it, training can begin anew
            self.report(f"the checkpoint cannot be read and is ignored ({type(error).__name__}: {error})")
            return None
        self.resumed = True
        return content

    def save(self, content: Mapping[str, Any]) -> None:
        kept = json.loads(_canonical(content))
        digest = hashlib.sha256(_canonical(kept)).hexdigest()
        try:
            self.folder.write(
                CHECKPOINT, {"format": FORMAT, "belongs_to": self.belongs_to, "sha256": digest, "content": kept}
            )
        except Exception as error:  # no model is worth less for it
            self.report(f"the checkpoint cannot be written ({type(error).__name__}: {error})")


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, default=str).encode()

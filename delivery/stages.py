"""The stages that are deployed, each with the account that it belongs to: the environments of `environments.toml`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from contender.environments.settings import read_environments
from contender.environments.stacks import stage_of
from delivery.errors import DeliveryError


@dataclass(frozen=True)
class Stage:
    """A stage. `account` and `region` are empty where the session decides; `prefix` begins the names of its stacks."""

    name: str
    account: str = ""
    region: str = ""
    prefix: str = "contender"

    @property
    def stacks(self) -> str:
        """What the names of its stacks begin with.

        >>> Stage("dev").stacks
        'contender-dev'
        """
        return stage_of(self.prefix, self.name)


def stage_named(name: str, root: Path) -> Stage:
    """The stage of that name.

    Raises DeliveryError where there is none, and PipelineFileError where `environments.toml` is wrong.
    """
    known = read_environments(root)
    if name not in known:
        raise DeliveryError(
            f"STAGE must be one of {', '.join(sorted(known))}, but is {name!r}; for example: make deploy STAGE=dev"
        )
    context = json.loads((root / "cdk.json").read_text(encoding="utf-8")).get("context", {})
    return Stage(name, known[name].account, known[name].region, str(context.get("prefix", "contender")))

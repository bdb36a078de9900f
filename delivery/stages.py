"""The stages that are deployed, each with the account that it belongs to, as `environments.toml` says."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError

FILE = "environments.toml"
BUILT_IN = ("dev", "prod")


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
        'contender-dev-'
        """
        return f"{self.prefix}-{self.name}-"


def stage_named(name: str, root: Path) -> Stage:
    """The stage of that name. Raises DeliveryError where there is none."""
    file = root / FILE
    named = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = sorted({*BUILT_IN, *named})
    if name not in known:
        raise DeliveryError(
            f"STAGE must be one of {', '.join(known)}, but is {name!r}; for example: make deploy STAGE=dev"
        )
    settings = named.get(name, {})
    context = json.loads((root / "cdk.json").read_text(encoding="utf-8")).get("context", {})
    prefix = str(context.get("prefix", "contender"))
    return Stage(name, str(settings.get("account", "")), str(settings.get("region", "")), prefix)

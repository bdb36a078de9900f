"""DVC's files: the `.dvc` file, the layout of a remote, the configuration.

The formats are DVC 3's own: a file is kept under its MD5, in a folder of the first two digits. `dvc pull` needs no
more.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

REMOTE = "contender"
"""The remote's name in the configuration that an export writes."""

PREFIX = "dvc"
"""Where the data bucket is a remote: `s3://<data bucket>/dvc`."""


@dataclass(frozen=True)
class Tracked:
    """A file as DVC knows it. `name` is its path beside the file that stands for it.

    Examples
    --------
    >>> Tracked.of("flights.parquet", b"rows").key
    'files/md5/df/347a373b8f92aa0ae3dd920a5ec2f6'
    """

    name: str
    md5: str
    size: int

    @classmethod
    def of(cls, name: str, body: bytes) -> Tracked:
        """The file of this name and content."""
        return cls(name, hashlib.md5(body, usedforsecurity=False).hexdigest(), len(body))

    @property
    def key(self) -> str:
        """Where a remote keeps it, below the remote's address."""
        return f"files/md5/{self.md5[:2]}/{self.md5[2:]}"

    def to_yaml(self) -> str:
        """The content of `<name>.dvc`."""
        return f"outs:\n- md5: {self.md5}\n  size: {self.size}\n  hash: md5\n  path: {self.name}\n"


@dataclass(frozen=True)
class Remote:
    """A remote: its address, and what of S3 DVC would not find by itself.

    Attributes
    ----------
    url : `s3://…`, or a folder.
    endpoint_url, region : of S3.
    keys : access key id and secret access key, where they are no secret.
    """

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    keys: tuple[str, str] | None = None

    def config(self, *, scm: bool) -> str:
        """The content of `.dvc/config` in a folder that knows this remote; `scm` where it is a git repository's root.

        Examples
        --------
        >>> print(Remote("s3://data/dvc", region="eu-west-1").config(scm=True), end="")
        [core]
            remote = contender
        ['remote "contender"']
            url = s3://data/dvc
            region = eu-west-1
        """
        core = {"remote": REMOTE} | ({} if scm else {"no_scm": "true"})
        return _section("core", core) + _section(f"'remote \"{REMOTE}\"'", {"url": self.url} | self._shared)

    def config_local(self) -> str:
        """The content of `.dvc/config.local`, which DVC keeps out of version control; empty without keys."""
        return _section(f"'remote \"{REMOTE}\"'", self._local) if self._local else ""

    def commands(self) -> list[str]:
        """What somebody types, once, whose project has DVC already; their own default remote stays it.

        Examples
        --------
        >>> Remote("s3://data/dvc", region="eu-west-1").commands()
        ['dvc remote add contender s3://data/dvc', 'dvc remote modify contender region eu-west-1']
        """
        shared = [f"dvc remote modify {REMOTE} {name} {value}" for name, value in self._shared.items()]
        local = [f"dvc remote modify --local {REMOTE} {name} {value}" for name, value in self._local.items()]
        return [f"dvc remote add {REMOTE} {shlex.quote(self.url)}", *shared, *local]

    @property
    def _shared(self) -> dict[str, str]:
        found = (("endpointurl", self.endpoint_url), ("region", self.region))
        return {name: value for name, value in found if value}

    @property
    def _local(self) -> dict[str, str]:
        return dict(zip(("access_key_id", "secret_access_key"), self.keys or (), strict=False))


def _section(title: str, values: dict[str, str]) -> str:
    return f"[{title}]\n" + "".join(f"    {key} = {value}\n" for key, value in values.items())

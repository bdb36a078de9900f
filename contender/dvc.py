"""What DVC reads: the small file that stands for a data file, the layout of a remote, the configuration that names it.

The formats are DVC 3's own: a file is kept under its MD5, in a folder of the first two digits. `dvc pull` needs no
more.
"""

from __future__ import annotations

import hashlib
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
        return cls(name, hashlib.md5(body, usedforsecurity=False).hexdigest(), len(body))

    @property
    def key(self) -> str:
        """Where a remote keeps it, below the remote's address."""
        return f"files/md5/{self.md5[:2]}/{self.md5[2:]}"

    def to_yaml(self) -> str:
        """The content of `<name>.dvc`."""
        return f"outs:\n- md5: {self.md5}\n  size: {self.size}\n  hash: md5\n  path: {self.name}\n"


def config(url: str, *, endpoint_url: str | None, region: str | None, scm: bool) -> str:
    """The content of `.dvc/config` in a folder that knows one remote.

    Parameters
    ----------
    url : of the remote: `s3://…`, or a folder.
    endpoint_url, region : of S3, where it is not the one that DVC would find by itself.
    scm : whether the folder is the root of a git repository.

    Examples
    --------
    >>> print(config("s3://data/dvc", endpoint_url=None, region="eu-west-1", scm=True), end="")
    [core]
        remote = contender
    ['remote "contender"']
        url = s3://data/dvc
        region = eu-west-1
    """
    core = {"remote": REMOTE} | ({} if scm else {"no_scm": "true"})
    remote = {"url": url} | {key: value for key, value in (("endpointurl", endpoint_url), ("region", region)) if value}
    return _section("core", core) + _section(f"'remote \"{REMOTE}\"'", remote)


def credentials(access_key_id: str, secret_access_key: str) -> str:
    """The content of `.dvc/config.local`, which DVC keeps out of version control."""
    keys = {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
    return _section(f"'remote \"{REMOTE}\"'", keys)


def _section(title: str, values: dict[str, str]) -> str:
    return f"[{title}]\n" + "".join(f"    {key} = {value}\n" for key, value in values.items())

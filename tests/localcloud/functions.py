"""Functions of an emulator, created from their source and called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import ZipFile, ZipInfo

from localcloud import emulator
from localcloud.connection import client
from localcloud.processes import wait_until


class FunctionFailedError(Exception):
    """Raised when a call's answer is an error."""


@dataclass(frozen=True)
class Functions:
    """The functions of the emulator on a port."""

    port: int

    def create(self, name: str, source: str, *, seconds: int = 30, **modules: str) -> None:
        """Create a function whose handler is in `source`, beside other modules of its zip."""
        archive = BytesIO()
        with ZipFile(archive, "w") as content:
            for module, text in {"function": source, **modules}.items():
                content.writestr(ZipInfo(f"{module}.py"), text)  # the same bytes whenever it is made
        self._client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::000000000000:role/{name}",
            Handler="function.handler",
            Timeout=seconds,
            Code={"ZipFile": archive.getvalue()},
        )
        assert wait_until(lambda: self._state(name) == "Active", seconds=20)

    def call(self, name: str, event: Any = None) -> Any:
        """A function's answer.

        Raises
        ------
        FunctionFailedError
            When it is an error.
        """
        answer = self._client.invoke(FunctionName=name, Payload=json.dumps(event))
        content = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionFailedError(str(content))
        return content

    def _state(self, name: str) -> str:
        return str(self._client.get_function(FunctionName=name)["Configuration"]["State"])

    @property
    def _client(self) -> Any:
        return client("lambda", emulator.endpoint(self.port))

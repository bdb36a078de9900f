"""Requests and responses as routes see them, and errors that end a request early."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contender.adapters.serving.json import parse_json, to_json
from contender.errors import ContenderError, InvalidInputError, TooLargeError
from contender.predictions.callers import identity_of
from contender.serving.requests import MAX_BODY_BYTES

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import Report

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A request as it came. `content_type` is empty where none was sent."""

    method: str
    path: str
    content_type: str = ""
    body: str | None = None
    is_base64: bool = False
    event: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Request:
        """From an event of an HTTP API, payload format 2.0."""
        http = event["requestContext"]["http"]
        headers = event.get("headers") or {}
        content_type = headers.get("content-type")
        if content_type is None:  # API Gateway writes names in lower case; others may not
            content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        is_base64 = bool(event.get("isBase64Encoded"))
        return cls(http["method"], event["rawPath"], content_type, event.get("body"), is_base64, event)

    def identity(self, auth: str) -> str:
        """Who makes the request; see `identity_of`."""
        return identity_of(self.event, auth)

    def json(self) -> Any:
        """The value of the body.

        Raises
        ------
        ProblemError, TooLargeError, InvalidInputError
            As `json_text` does, or when it is not JSON.
        """
        return parse_json(self.json_text())

    def json_text(self) -> str | bytes:
        """The body, which is said to be JSON.

        Raises
        ------
        ProblemError
            When another content type came than JSON in UTF-8 (415).
        TooLargeError
            When the body is larger than 6 MB.
        InvalidInputError
            When it is empty, or not the base64 that it is said to be.
        """
        if self.content_type != JSON:
            self._check_content_type()
        body: str | bytes = self.body or ""
        if len(body) > MAX_BODY_BYTES * 4 // 3 or (len(body) > MAX_BODY_BYTES and not self.is_base64):
            raise _too_large(len(body))
        if self.is_base64:
            try:
                body = base64.b64decode(body, validate=True)
            except ValueError:
                raise InvalidInputError("the body is said to be base64 and is not") from None
            if len(body) > MAX_BODY_BYTES:
                raise _too_large(len(body))
        if not body:
            raise InvalidInputError("the body is empty; it must be JSON")
        return body

    def _check_content_type(self) -> None:
        kind, _, parameters = self.content_type.partition(";")
        named = dict(pair.strip().lower().partition("=")[::2] for pair in parameters.split(";"))
        if kind.strip().lower() != JSON or named.get("charset", "utf-8").strip('"') not in ("utf-8", "utf8"):
            shown = repr(self.content_type[:60]) if self.content_type else "none"
            raise ProblemError(415, f"the content type must be {JSON} in UTF-8, but is {shown}")


def _too_large(size: int) -> TooLargeError:
    return TooLargeError(
        f"the body has {size:,} bytes, and {MAX_BODY_BYTES:,} are taken; "
        "send fewer rows at once, or a file to the batch folder"
    )


@dataclass(frozen=True)
class Reply:
    """What goes out."""

    status: int
    body: str
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """As an HTTP API takes it."""
        headers = {"content-type": self.content_type, **self.headers}
        return {"statusCode": self.status, "headers": headers, "body": self.body, "isBase64Encoded": False}


class ProblemError(Exception):
    """Raised to end a request with a status and a reason; `more` goes into the body beside it."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.headers, self.more = status, headers or {}, more

    def to_reply(self) -> Reply:
        return Reply(self.status, to_json({"error": str(self), **self.more}), headers=self.headers)


@contextmanager
def reaching(what: str, advice: str, report: Report) -> Iterator[None]:
    """Turn what AWS answers, or does not, into a 503 that says what to do."""
    try:
        yield
    except ContenderError as error:
        report(f"{what} cannot be reached", error)
        message = f"{what} cannot be reached at the moment; {advice}"
        raise ProblemError(503, message, headers={"retry-after": "5"}) from error

"""Who sent a label: a short hash in the place of a key or a role, so that one caller can be told from another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

DIGITS = 12
"""Hexadecimal digits of a caller's hash: any two of a thousand callers share one with a chance of 2 in a billion."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_SESSION = re.compile(r"^arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/")


def caller_hash(pipeline: str, identity: str) -> str:
    """The hash that stands for a caller; empty where nobody is known.

    Salted with the pipeline's name, so that it is neither the digest of a key that the stack's secret has, nor the same
    in two pipelines.

    Examples
    --------
    >>> caller_hash("flights", "key"), caller_hash("shop", "key"), caller_hash("shop", "")
    ('c6dc8b25a71b', '41727ab0ebe0', '')
    """
    if not identity:
        return ""
    text = f"caller\0{pipeline}\0{identity}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def identity_of(event: Mapping[str, Any], auth: str) -> str:
    """Who made a request of an HTTP API (payload 2.0), as its authorisation has found; empty where nothing says it.

    Only what was checked counts: a signed request that brings a key of its own choice stays the same caller. A role is
    one caller, whatever its sessions are called.

    Parameters
    ----------
    auth : `serving.auth` of the pipeline file.

    Examples
    --------
    >>> arn = "arn:aws:sts::123456789012:assumed-role/Backend/i-0abc"
    >>> identity_of({"requestContext": {"authorizer": {"iam": {"userArn": arn}}}}, "iam")
    'arn:aws:iam::123456789012:role/Backend'
    >>> [identity_of({"headers": {"X-Api-Key": "secret"}}, auth) for auth in ("api_key", "iam")]
    ['secret', '']
    """
    headers = event.get("headers") or {}
    if auth == "api_key":
        return _header(headers, "x-api-key")
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    arn = str((authorizer.get("iam") or {}).get("userArn") or "")
    if arn:
        return _SESSION.sub(r"arn:\1:iam::\2:role/\3\n", arn).partition("\n")[0]
    found = _CREDENTIAL.search(_header(headers, "authorization"))  # an emulator tells nothing but what was signed
    return found[1] if found else ""


def _header(headers: Mapping[str, Any], name: str) -> str:
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")

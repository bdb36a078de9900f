"""Takes keys, tokens and passwords out of texts that are logged or mailed: errors of libraries quote what they got."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

REMOVED = "(removed)"
_NAMES = (
    r"x-api-key|authorization|api[_-]?key|aws_?secret_?access_?key|secret_?access_?key|aws_?session_?token|"
    r"session_?token|security_?token|task_?token|password|passwd|secret_?string|client_?secret"
)
_BEFORE_A_VALUE = r"[\\\"']*\s*[:=]\s*[\\\"']*"
_VALUE = r"[^\s\"'\\,;}&]+"
_SECRETS = (
    # A private key, with its lines as they are or as JSON has them.
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", REMOVED),
    # A value by its name, in JSON, in a header, in a variable or in an address; `Bearer` and the like stay.
    (rf"(?i)\b((?:{_NAMES}){_BEFORE_A_VALUE}(?:(?:bearer|basic|token)\s+)?)(?!AWS4-){_VALUE}", rf"\1{REMOVED}"),
    # What signs a request, in an address or a header.
    (rf"(?i)\b((?:X-Amz-)?(?:Signature|Security-Token|Credential)=){_VALUE}", rf"\1{REMOVED}"),
    (r"(?i)\b(bearer\s+)[\w.~+/-]{16,}=*", rf"\1{REMOVED}"),
    # What has a form of its own: access keys of AWS, JSON web tokens, tokens of GitHub and Slack.
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", REMOVED),
    (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REMOVED),
    (r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,})", REMOVED),
    # The password in an address.
    (r"(://[^/\s:@\"\\]+:)[^@/\s\"\\]+@", rf"\1{REMOVED}@"),
)


@cache
def _patterns() -> Sequence[tuple[re.Pattern[str], str]]:
    """Compiled at first use: a function that starts has nothing to take out yet."""
    return [(re.compile(pattern), instead) for pattern, instead in _SECRETS]


def without_secrets(text: str) -> str:
    r"""The text with `(removed)` in place of each key, token and password.

    Examples
    --------
    >>> without_secrets("GET https://ada:s3cret@host/x?X-Amz-Signature=0a1b2c&n=1")
    'GET https://ada:(removed)@host/x?X-Amz-Signature=(removed)&n=1'
    >>> without_secrets('{"x-api-key": "kZ81", "rows": 3}')
    '{"x-api-key": "(removed)", "rows": 3}'
    """
    for pattern, instead in _patterns():
        text = pattern.sub(instead, text)
    return text

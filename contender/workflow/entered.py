"""A version that is there already and was entered as a challenger, as one that comes from another environment."""

from __future__ import annotations

from contender.workflow.messages import Request


def entered_by(request: Request) -> str:
    """Who entered which version and why, in a sentence; empty where the run makes its own challenger.

    Examples
    --------
    >>> entered_by(Request("flights", challenger="v7", by="Ada", reason="promoted from dev"))
    'v7 was entered as a challenger by Ada: promoted from dev.'
    """
    if not request.challenger:
        return ""
    why = f": {request.reason.rstrip('.')}" if request.reason else ""
    return f"{request.challenger} was entered as a challenger by {request.by or 'an unknown person'}{why}."

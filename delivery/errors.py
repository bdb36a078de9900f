"""The error of everything here: what is wrong, and the next step, in a sentence fit to show to a person."""

from __future__ import annotations


class DeliveryError(Exception):
    """Raised when a step cannot be done; the message names what was found and what to do."""

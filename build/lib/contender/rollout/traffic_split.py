"""Chooses which version answers a request in a trial or beside a control group: stable by caller, at the set share.

A key is hashed together with the trial's name, so that a caller stays with one model for the whole trial, another trial
draws other callers, and a larger weight only adds callers.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from contender.registry.pointer import Pointer, Trial

Variant = Literal["champion", "challenger", "control"]

_SHARES = 1 << 64


def choose_variant(pointer: Pointer, key: str, now: float) -> Variant:
    """The variant that answers a request: the control group's version for its callers; else the challenger when it is a
    canary in its time and this key is drawn. So the two never share a caller.

    Parameters
    ----------
    key : the caller's, or the request's id where the caller has none: then each request is drawn by itself.
    now : epoch seconds.
    """
    if keeps_control(pointer, key):
        return "control"
    trial = pointer.challenger
    drawn = trial is not None and trial.mode == "canary" and trial.is_on(now) and is_drawn(trial, key)
    return "challenger" if drawn else "champion"


def keeps_control(pointer: Pointer, key: str) -> bool:
    """Whether this caller keeps the control group's version; nobody does while that is the champion."""
    control = pointer.control
    return control is not None and control.version != pointer.champion and is_drawn(control, key)


def is_shadowed(pointer: Pointer, key: str, now: float) -> bool:
    """Whether the model that does not answer a request predicts it as well, for the log.

    During a canary always, so that both are judged on the same rows; in mode shadow the challenger has its share. The
    rows of the control group are the champion's to predict as well, and no trial's.
    """
    if keeps_control(pointer, key):
        return True
    trial = pointer.challenger
    return trial is not None and trial.is_on(now) and (trial.mode == "canary" or is_drawn(trial, key))


def is_drawn(trial: Trial, key: str) -> bool:
    """Whether a key is in the trial's share; for a random key with the probability `weight`.

    Examples
    --------
    >>> [is_drawn(Trial("v2", "", weight, "canary"), "customer 7") for weight in (0.1, 0.5, 1.0)]
    [False, False, True]
    """
    name = f"{trial.version}\0{trial.run_id}\0{key}".encode(errors="surrogatepass")
    place = int.from_bytes(hashlib.sha256(name).digest()[:8])
    return place < int(trial.weight * _SHARES)

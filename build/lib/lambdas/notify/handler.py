"""Notify: mails on-call if the run calls for it."""

from __future__ import annotations

from typing import Any

from contender.mails.run_mails import run_mail
from contender.workflow.messages import Notification, RunState
from lambdas.place import here
from lambdas.step import step
from lambdas.topics import publish


def notify(state: RunState) -> Notification:
    mail = run_mail(state, here())
    if mail is None:
        return Notification("not_needed")
    publish(mail)
    return Notification("sent", mail.subject)


handler: Any = step(notify)

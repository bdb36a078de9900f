"""The mail about an experiment that is over."""

from __future__ import annotations

from contender.mails.mail import Content, Mail, short
from contender.mails.place import Place
from contender.mails.times import moment
from contender.rollout.experiments.experiment import Experiment

EXPERIMENT = "experiment"
"""What the table of sent mails calls it."""

_FACTS = {
    "better": "{challenger} is better than {champion}",
    "worse": "{challenger} is worse than {champion}",
    "no difference": "no difference worth having, {challenger} and {champion}",
    "undecided": "{challenger} and {champion}, undecided",
    "stopped": "{challenger} and {champion}, stopped",
}
_HAPPENED = {
    "better": "An A/B experiment is over: on live requests the challenger's predictions were better.",
    "worse": "An A/B experiment is over: on live requests the challenger's predictions were worse.",
    "no difference": "An A/B experiment is over: the two model versions differ by less than what was said to matter.",
    "undecided": "An A/B experiment has reached its last day without a verdict.",
    "stopped": "An A/B experiment ended before its last day, because one of the two model versions no longer serves.",
}


def experiment_mail(experiment: Experiment, place: Place, *, followed: str) -> Mail:
    """The mail, for whoever wants to know.

    Parameters
    ----------
    followed : what became of the champion pointer.
    """
    names = {"champion": short(experiment.champion), "challenger": short(experiment.challenger)}
    content = Content(
        fact=f"A/B: {_FACTS[experiment.verdict].format(**names)}",
        happened=_HAPPENED[experiment.verdict],
        since=f"{moment(experiment.since)}, when {experiment.by} started the experiment",
        evidence=[experiment.reason],
        done=followed,
        steps=[f"Read the experiment: {place.command('ab status')}"],
        links=[place.dashboard()],
    )
    return place.mail(content, "info")

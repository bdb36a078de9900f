"""Findings about the champion pointer, its history, and the versions that it names."""

from __future__ import annotations

from collections.abc import Iterator

from contender.doctor.checks.times import is_ahead
from contender.doctor.facts import Damage, Facts, VersionFacts
from contender.doctor.findings import Finding, RaiseToken, RestorePointer, Severity, Undelete
from contender.registry.versions import JUDGED, MODEL, REFERENCE
from contender.rollout.golden_requests import GOLDEN

MEANS = {
    MODEL: "Serving cannot load it.",
    JUDGED: "It cannot be compared with a challenger, so a run that has one fails.",
    REFERENCE: "New data cannot be compared with it, so the drift check of every run fails.",
    GOLDEN: "It cannot be rehearsed.",
}
"""What follows from the loss of a file."""


def check_pointer(facts: Facts) -> Iterator[Finding]:
    """A pointer that is lost, cannot be read, comes from the future, or serves nobody."""
    if facts.pointer_fault or (facts.pointer is None and facts.history):
        newest = facts.history[0]["champion"] if facts.history else ""
        yield Finding(
            "pointer",
            "critical",
            facts.pointer_fault or f"the champion pointer is gone; {newest} was the newest champion",
            "New instances of serving have no model; nothing is trained or promoted.",
            "restore the newest whole champion of the history"
            if facts.history
            else f"the history is lost, too; restore both from a backup: contender restore FILE {facts.where}",
            RestorePointer() if facts.history else None,
        )
        return
    pointer = facts.pointer
    if pointer is None:
        return
    trial = pointer.challenger
    for name, time in (("swapped_at", pointer.swapped_at), ("the trial's since", trial.since if trial else "")):
        if is_ahead(time, facts.now):
            yield Finding(
                "pointer",
                "warning",
                f"{name} of the champion pointer is in the future: {time}",
                "A clock was wrong when it was written. An alarm rolls back by age and would take this for new.",
                f"nothing serves wrongly; look at what was promoted: contender champion {facts.where}",
            )
    if facts.fencing_token is not None and facts.fencing_token < pointer.fencing_token:
        yield Finding(
            "runs",
            "critical",
            f"the runs table's counter of fencing tokens is at {facts.fencing_token}, the champion pointer was "
            f"written with {pointer.fencing_token}",
            "The table was emptied or restored from an earlier time; every run fails before it trains.",
            f"raise the counter to {pointer.fencing_token}",
            RaiseToken(pointer.fencing_token),
        )


def check_served(facts: Facts) -> Iterator[Finding]:
    """What the API says that it serves, against the pointer."""
    served, pointer = facts.surroundings.served, facts.pointer
    if served is not None and pointer is not None and "error" in served:
        yield Finding(
            "serving",
            "critical",
            f"serving has no model: {served['error']}",
            "Nothing is predicted.",
            f"mend what is damaged, or {_back(facts)}",
        )
    elif served is not None and pointer is not None:
        stale, version = served.get("stale"), served.get("model_version")
        if stale or version != pointer.champion:
            why = f": {stale['reason']}" if stale else ""
            yield Finding(
                "serving",
                "critical",
                f"serving answers with {version}, the champion pointer names {pointer.champion}{why}",
                "Predictions come from the last good model.",
                f"mend the champion, or {_back(facts)}",
            )
    if facts.surroundings.rehearsal:
        yield Finding(
            "serving",
            "warning",
            facts.surroundings.rehearsal,
            "Serving does not answer as training did.",
            _back(facts),
        )


def _back(facts: Facts) -> str:
    """How another version comes to serve; a rollback would bring back one that was itself rolled back."""
    pointer = facts.pointer
    if pointer is None or (pointer.previous is not None and pointer.previous not in pointer.rolled_back):
        return f"go back to the champion before: contender rollback {facts.where}"
    return (
        f"let a version of contender history answer all requests: contender trial start --version VERSION --weight 1 "
        f"{facts.where}"
    )


def check_history(facts: Facts) -> Iterator[Finding]:
    """A history that is lost, lacks the newest champion, or was altered."""
    pointer = facts.pointer
    if pointer is not None and not facts.history:
        yield Finding(
            "history",
            "critical",
            f"the history of champions is empty, and {pointer.champion} is champion",
            "A lost pointer could not be restored.",
            f"restore the history from a backup: contender restore FILE {facts.where}",
        )
        return
    for problem in facts.history_problems:
        unsigned = problem.kind == "unsigned"
        yield Finding(
            "history",
            "note" if unsigned else "critical",
            problem.message,
            "Whether somebody changed it cannot be told."
            if unsigned
            else "Somebody changed the history of champions, or a row of it is lost.",
            f"look at all of it: contender history verify {facts.where}; rows that are lost come back from a backup: "
            f"contender restore FILE {facts.where}",
        )


def check_versions(facts: Facts) -> Iterator[Finding]:
    """Versions whose files are gone or changed, that are not signed, or that carry a time of the future."""
    for version in facts.versions:
        yield from _of_version(facts, version)


def _of_version(facts: Facts, version: VersionFacts) -> Iterator[Finding]:
    name = f"{version.version}{' (' + ', '.join(version.roles) + ')' if version.roles else ''}"
    severity: Severity = "critical" if "champion" in version.roles else "warning" if version.roles else "note"
    if version.problem:
        yield Finding(
            "versions",
            severity,
            f"{name}: {version.problem}",
            "Serving keeps its last good model; runs fail and promote nothing."
            if version.roles
            else "It cannot serve.",
            _instead(facts, version),
        )
    for damage in version.damages:
        yield damage_finding(
            facts, "versions", severity, name, damage, MEANS.get(damage.name, "Its card is not whole.")
        )
    if version.unsigned and version.roles:
        yield Finding(
            "versions",
            severity,
            f"{name}: {version.unsigned}",
            "Serving refuses it and keeps its last good model.",
            f"find out who wrote it; if it is yours: contender sign {version.version} {facts.where}",
        )
    if "champion" in version.roles and not version.problem and not version.has_golden_requests:
        yield Finding(
            "versions",
            "note",
            f"{name} has no golden requests, because it was trained before there were any",
            "It cannot be rehearsed.",
            f"train a new one: contender retrain {facts.where}",
        )
    if is_ahead(version.created_at, facts.now):
        yield Finding(
            "versions",
            "warning",
            f"{name} is from the future: created at {version.created_at}",
            "A clock was wrong when it was trained. It counts as the newest version until then, so that rows that "
            "later versions learned count as new, and more is trained than is worth it.",
            "it ends by itself then; set the clock right that was wrong",
        )


def _instead(facts: Facts, version: VersionFacts) -> str:
    if "champion" in version.roles:
        return f"{_back(facts)}; or restore it from a backup: contender restore FILE {facts.where}"
    return f"restore it from a backup: contender restore FILE {facts.where}"


def damage_finding(facts: Facts, check: str, severity: Severity, of: str, damage: Damage, means: str) -> Finding:
    """A file that is gone, which S3 may have kept, or that has other bytes."""
    what = f"{of}: {damage.name} {'is' if damage.why == 'gone' else 'has'} {damage.why}"
    if damage.kept_version and damage.why == "gone":
        repair = Undelete(damage.bucket, damage.key, damage.kept_version, damage.sha256)
        return Finding(check, severity, what, means, "bring back the version of the object that S3 has kept", repair)
    if damage.kept_version:
        action = (
            "S3 has kept the right bytes. Delete the wrong ones, then let --fix bring the right ones back: "
            f"aws s3 rm s3://{facts.buckets[damage.bucket]}/{damage.key}"
        )
        return Finding(check, severity, what, means, action)
    action = f"S3 has kept no version with the right bytes; restore a backup: contender restore FILE {facts.where}"
    return Finding(check, severity, what, means, action)

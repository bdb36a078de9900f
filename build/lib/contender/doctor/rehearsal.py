"""Has serving answer the champion's golden requests, and tells where it does not answer as training did."""

from __future__ import annotations

from contender.errors import IntegrityError, NotFoundError
from contender.registry.pointer import read_pointer
from contender.registry.versions import ModelRegistry
from contender.rollout.golden_requests import GOLDEN, Golden
from contender.rollout.rehearsal import Ask, ServingError, unlike_training


def rehearsal_fault(registry: ModelRegistry, ask: Ask) -> str:
    """Why serving does not answer the champion's golden requests as training did; empty where it does.

    Also empty where there is nothing to ask: without a champion, or with one whose files are gone or damaged. Those are
    findings of their own.
    """
    try:
        state = read_pointer(registry.objects, registry.pipeline)
        if state is None:
            return ""
        version, digest = state.pointer.champion, state.pointer.manifest_sha256
        champion = registry.read(version, manifest_sha256=digest)
        golden = Golden.from_json(registry.file(champion, GOLDEN))
    except (IntegrityError, NotFoundError):
        return ""
    try:
        served = ask(golden.question(version, digest))
    except ServingError as error:
        return f"{version} does not answer its golden requests: {error}"
    fault = unlike_training(golden, champion.manifest, served)
    return f"{version} does not answer its golden requests as training did: {fault}" if fault else ""

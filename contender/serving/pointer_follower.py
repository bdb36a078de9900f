"""Follows the champion pointer without a call to S3 for each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Generic, TypeVar

from contender.errors import DamagedPointerError, NotFoundError
from contender.ports import FollowedObjects, WarmStore
from contender.registry.pointer import Pointer, PointerState, Trial, no_champion, parse_pointer, pointer_key
from contender.registry.versions import ModelReader, ModelVersion
from contender.rollout.traffic_split import Variant, choose_variant, is_shadowed, keeps_control

Model = TypeVar("Model")
Model_co = TypeVar("Model_co", covariant=True)

LOOK_AGAIN_SECONDS = 1.0
"""While S3 answers, a request that arrives this long after a swap, or later, is answered as the new pointer says."""

LONGEST_PAUSE_SECONDS = 8.0
"""The time between two looks doubles up to this while S3 is away, because each of them may cost a time-out."""

LONGEST_RETRY_SECONDS = 30.0
"""The time between two attempts to load a version that cannot be used doubles up to this."""


@dataclass(frozen=True)
class Stale:
    """Why the last good model answers, and not what the champion pointer names now.

    Attributes
    ----------
    since : epoch seconds.
    names : the version that the pointer names; empty where the pointer cannot be read.
    """

    since: float
    reason: str
    names: str = ""


@dataclass(frozen=True)
class Serving(Generic[Model_co]):
    """What answers now.

    Attributes
    ----------
    pointer : the one that named `model`; a newer one may name a version that cannot be used.
    trial, challenger : the challenger that is on trial beside it, loaded; both None where there is none to use.
    control : the version that the control group keeps, loaded; None where there is none, or it is the champion.
    stale : None where `model` is what the pointer names.
    """

    pointer: Pointer
    etag: str
    model: Model_co
    trial: Trial | None = None
    challenger: Model_co | None = None
    stale: Stale | None = None
    control: Model_co | None = None

    def variant(self, key: str, now: float) -> Variant:
        """Who answers a request with this key at this time (epoch seconds); see `contender.rollout.traffic_split`."""
        if self.challenger is None and self.control is None:
            return "champion"
        chosen = choose_variant(self.pointer, key, now)
        return "champion" if self.beside(chosen) is None else chosen

    def beside(self, variant: Variant) -> Model_co | None:
        """The loaded model of a variant; None of the champion, and where there is none to use."""
        if variant == "champion":
            return None
        return self.challenger if variant == "challenger" else self.control

    def shadow_of(self, answered: str, key: str, now: float) -> tuple[Variant, Model_co] | None:
        """The model that predicts this request without answering it; None where the one that answers is alone."""
        if (self.challenger is None and self.control is None) or not is_shadowed(self.pointer, key, now):
            return None
        if answered != "champion":
            return "champion", self.model
        if self.challenger is None or keeps_control(self.pointer, key):
            return None
        return "challenger", self.challenger


@dataclass
class _Retry:
    """When to try again, how long to wait after that, and why it failed."""

    at: float
    pause: float
    reason: str


_Name = tuple[str, str]
"""A version and the sha256 of its manifest."""


class Follower(Generic[Model]):
    """Keeps loaded what answers: champion, challenger on trial, control. Safe to use from several threads.

    Parameters
    ----------
    load : makes a model of a version.
    clock : epoch seconds; it may jump, as it does when the process is restored from a snapshot.
    report : told of what went wrong while the last good model serves on.
    trust : raises when a version must not be used, before it is loaded.
    warm : where files and the last pointer outlive the process: it starts from there, also while S3 is away.
    """

    def __init__(
        self,
        objects: FollowedObjects,
        pipeline: str,
        *,
        load: Callable[[ModelReader, ModelVersion], Model],
        clock: Callable[[], float],
        report: Callable[[Exception], None],
        trust: Callable[[ModelReader, ModelVersion], None] | None = None,
        warm: WarmStore | None = None,
    ) -> None:
        self._objects, self._pipeline, self._warm = objects, pipeline, warm
        self._load, self._clock, self._report, self._trust = load, clock, report, trust
        self._reader = ModelReader(objects, pipeline, warm)
        self._lock = Lock()
        self._serving: Serving[Model] | None = None
        self._seen: PointerState | None = None
        self._loaded: dict[_Name, Model] = {}
        self._retries: dict[_Name, _Retry] = {}
        self._looked_at = float("-inf")
        self._pause = self._next_pause = LOOK_AGAIN_SECONDS

    def current(self) -> Serving[Model]:
        """What answers now. When S3 is away or the new version is unusable, the last good one keeps serving.

        Raises
        ------
        NotFoundError
            When the pipeline has no champion yet, or its pointer is lost.
        """
        serving = self._serving
        if serving is not None and not self._is_due(self._pause):
            return serving
        with self._lock:  # others wait for the one that looks: the bound holds for them as well
            if self._serving is None or self._is_due(self._pause):
                self._look()
            assert self._serving is not None
            return self._serving

    def warm_up(self) -> None:
        """Load what will answer, before the first request: to be called while the process starts.

        So an instance of provisioned concurrency, or a snapshot, has its model loaded. Nothing is raised: the first
        request tries again, and gets the error.
        """
        try:
            self.current()
        except NotFoundError:
            pass  # a pipeline is deployed before it has a champion
        except Exception as error:
            self._report(error)

    def look_ahead(self) -> None:
        """Look before a request has to wait for it: to be called between requests. Nothing happens too early.

        Under steady traffic no request waits for S3 then, nor for a new model to load.
        """
        ahead = self._pause - LOOK_AGAIN_SECONDS / 2
        if self._serving is None or not self._is_due(ahead) or not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._lock.release()

    def load_version(self, version: str, manifest_sha256: str) -> Model:
        """Load a version as if it were the champion, from the bucket itself; what serves stays as it is.

        Raises
        ------
        NotFoundError, IntegrityError
            When there is no such version, or it must not be used.
        """
        return self._read(ModelReader(self._objects, self._pipeline), (version, manifest_sha256))

    def _is_due(self, pause: float) -> bool:
        return not 0 <= self._clock() - self._looked_at < pause  # below 0, the clock went back

    def _look(self) -> None:
        """Read the pointer, and bring what is loaded in line with it."""
        started = self._clock()
        try:
            self._seen = self._read_pointer()
        except Exception as error:
            if self._serving is None:
                raise
            self._report(error)
            self._serving = self._last_good(self._serving, str(error), started)
            self._pause, self._next_pause = self._next_pause, min(2 * self._next_pause, LONGEST_PAUSE_SECONDS)
            self._looked_at = self._clock()
            return
        self._settle(self._seen, started)
        self._looked_at = started
        self._pause = self._next_pause = LOOK_AGAIN_SECONDS

    def _read_pointer(self) -> PointerState:
        """The pointer as it stands, or the last one known when a process starts while it is damaged or S3 is away."""
        known = self._seen or self._remembered(pointer_key(self._pipeline))
        try:
            return self._newest_pointer(known)
        except NotFoundError as error:
            if self._serving is not None or known is None or not isinstance(error, DamagedPointerError):
                raise
            self._report(error)
        except Exception as error:
            if self._serving is not None or known is None:
                raise
            self._report(error)
        return known

    def _newest_pointer(self, known: PointerState | None) -> PointerState:
        key = pointer_key(self._pipeline)
        try:
            stored = self._objects.get_if_changed(key, known.etag if known else None)
        except NotFoundError:
            raise no_champion(self._objects, self._pipeline) from None
        if stored is None:
            assert known is not None
            return known
        found = PointerState(parse_pointer(stored.body, self._pipeline), stored.etag)
        if self._warm is not None:
            self._warm.remember(key, stored)
        return found

    def _remembered(self, key: str) -> PointerState | None:
        """The pointer that an earlier process of this instance followed last."""
        stored = self._warm.remembered(key) if self._warm is not None else None
        if stored is None:
            return None
        try:
            return PointerState(Pointer.from_json(stored.body), stored.etag)
        except (ValueError, TypeError, LookupError):
            return None

    def _settle(self, state: PointerState, now: float) -> None:
        """Serve what the pointer names, as far as it can be used."""
        pointer, before = state.pointer, self._serving
        champion = (pointer.champion, pointer.manifest_sha256)
        model = self._model(champion, now, needed=before is None)
        if model is None:
            assert before is not None
            reason = self._retries[champion].reason
            # Challenger and control group stood beside another champion.
            last = self._last_good(before, reason, now, pointer.champion)
            self._serving = replace(last, trial=None, challenger=None, control=None)
            return
        trial, named = pointer.challenger, {champion}
        challenger, control = None, None
        if trial is not None and trial.is_on(now):
            named.add((trial.version, trial.manifest_sha256))
            challenger = self._model((trial.version, trial.manifest_sha256), now)
        if pointer.control is not None and pointer.control.version != pointer.champion:
            named.add((pointer.control.version, pointer.control.manifest_sha256))
            control = self._model((pointer.control.version, pointer.control.manifest_sha256), now)
        beside = trial if challenger is not None else None
        self._serving = Serving(pointer, state.etag, model, beside, challenger, control=control)
        self._loaded = {name: kept for name, kept in self._loaded.items() if name in named}
        self._retries = {name: retry for name, retry in self._retries.items() if name in named}

    @staticmethod
    def _last_good(serving: Serving[Model], reason: str, now: float, names: str = "") -> Serving[Model]:
        since = serving.stale.since if serving.stale is not None else now
        return replace(serving, stale=Stale(since, reason, names))

    def _model(self, name: _Name, now: float, *, needed: bool = False) -> Model | None:
        """A version's model, loaded when it is not yet; None when it cannot be used, unless it is `needed`."""
        if name in self._loaded:
            return self._loaded[name]
        retry = self._retries.get(name)
        if not needed and retry is not None and 0 < retry.at - now <= LONGEST_RETRY_SECONDS:
            return None
        try:
            self._loaded[name] = model = self._read(self._reader, name)
        except Exception as error:
            if needed:
                raise
            pause = min(2 * retry.pause, LONGEST_RETRY_SECONDS) if retry is not None else LOOK_AGAIN_SECONDS
            self._retries[name] = _Retry(self._clock() + pause, pause, str(error))
            error.add_note(f"{name[0]} cannot be used and serves nothing; next attempt in {pause:.0f} s")
            self._report(error)
            return None
        return model

    def _read(self, reader: ModelReader, name: _Name) -> Model:
        version = reader.read(name[0], manifest_sha256=name[1])
        if self._trust is not None:
            self._trust(reader, version)
        return self._load(reader, version)

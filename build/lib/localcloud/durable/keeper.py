"""Writes what has changed to the journal, and reads all of it at a start."""

from __future__ import annotations

import ast
import io
import logging
import pickle
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from localcloud.durable.entries import (
    FOUND_BY_KEY,
    GONE,
    NOT_KEPT,
    SWEPT,
    TABLES,
    Part,
    joined,
    noted_pieces,
    pieces_of,
)
from localcloud.durable.journal import Journal, Place
from localcloud.durable.touched import ALL, Touch, Touched

SERVICES = "ministack.services."
OURS = ("localcloud.ministack_calls",)
"""Modules of ours that have a store as well."""
TRIES = 5

logger = logging.getLogger("durable")

Name = tuple[str, str]
"""A service's module and a store in it."""


@dataclass
class _Changes:
    """What is to be written, and what is known of the journal after that: dictionary, key, value or `GONE`."""

    changed: list[tuple[Place, bytes]] = field(default_factory=list)
    deleted: list[Place] = field(default_factory=list)
    after: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)

    def remember(self) -> None:
        """It has been written."""
        for known, key, value in self.after:
            if value is GONE:
                known.pop(key, None)
            else:
                known[key] = value


class Keeper:
    """Keeps MiniStack's stores in a journal."""

    def __init__(self, journal: Journal, touched: Touched) -> None:
        self._journal = journal
        self._touched = touched
        self._lock = threading.Lock()
        self._noting = threading.Lock()
        self._names: dict[int, Name] = {}
        self._modules = 0
        # What the journal has, by store, by key and by part: the stamp, or the bytes' hash.
        self._kept: defaultdict[Name, dict[Any, dict[Part, Any]]] = defaultdict(dict)
        self._noted: dict[int, set[Part]] = {}
        self._refused: set[Name] = set()
        self._to_look_through: dict[int, Touch] = {}

    def keep(self, touches: Iterable[Touch], *, thoroughly: bool = False, sweeping: bool = False) -> int:
        """Write those of these entries that have changed; answers how many rows that took.

        Of a table, what was noted is looked at; thoroughly, all of it. `SWEPT` is left out where not `sweeping`.
        """
        with self._lock:
            found = _Changes()
            for store, key in touches:
                name = self._name(store)
                if name is None or (key is ALL and name in FOUND_BY_KEY) or (name in SWEPT and not sweeping):
                    continue
                for one in self._keys(store, name) if key is ALL else [key]:
                    self._compare(name, store._data.get(one, GONE), one, thoroughly, found)
            if found.changed or found.deleted:
                self._journal.write(found.changed, found.deleted)
            found.remember()
            return len(found.changed) + len(found.deleted)

    def note(self, entry: Any, part: Part) -> None:
        """A part of this entry has been set or removed."""
        with self._noting:
            self._noted.setdefault(id(entry), set()).add(part)

    def sweep(self, earlier: Sequence[Touch], *, read: bool = True) -> list[Touch]:
        """Write what was touched since the last time, and once more what was touched `earlier`; answers the former.

        With `read`, what was touched by nothing but requests that read is looked at, too, and tables are looked through
        that were touched since the last time: in a storm they are large. Requests are answered in between.
        """
        now, seen = self._touched.take(), self._touched.take_read() if read else []
        tables = self._tables(now, read)
        each_once = {(id(store), key): (store, key) for store, key in (*earlier, *now, *seen, *tables)}
        try:
            for touch in each_once.values():
                self.keep([touch], thoroughly=read, sweeping=True)
        except Exception:
            for store, key in each_once.values():
                self._touched.add(store, key)
            raise
        return now

    def _tables(self, now: Sequence[Touch], read: bool) -> list[Touch]:
        """The tables that are looked through this time; others have to wait for the time after."""
        self._to_look_through |= {id(store): (store, ALL) for store, _ in now if self._name(store) == TABLES}
        if not read:
            return []
        found, self._to_look_through = list(self._to_look_through.values()), {}
        return found

    def keep_everything(self) -> int:
        """Write all that there is, touched or not."""
        stores = [store for _, store, _ in _stores()]
        return self.keep(
            ((store, key) for store in stores for key in list(store._data)), thoroughly=True, sweeping=True
        )

    def load(self) -> Iterator[tuple[Name, Any, Any]]:
        """All entries of the journal: store, key, value. Those that cannot be read are named in the log."""
        found: dict[tuple[Name, Any], dict[Part, Any]] = {}
        with self._lock:
            for place, content in self._journal.rows():
                try:
                    value = pickle.loads(content)
                    key, part = ast.literal_eval(place.key), ast.literal_eval(place.part)
                except Exception:
                    logger.exception("%s cannot be read and is left out", place)
                    continue
                entry = ((place.service, place.store), key)
                found.setdefault(entry, {})[part] = value
                self._kept[entry[0]].setdefault(key, {})[part] = hash(content)
        for (name, key), parts in found.items():
            try:
                yield name, key, joined(*name, parts)
            except Exception:
                logger.exception("%s of %s cannot be put together and is left out", key, name)

    def _name(self, store: Any) -> Name | None:
        """The store's name, or None where it is no service's or is not kept."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._names = {number: name for number, _, name in _stores()}
        return self._names.get(id(store))

    def _keys(self, store: Any, name: Name) -> set[Any]:
        return {*list(store._data), *self._kept[name]}

    def _compare(self, name: Name, entry: Any, key: Any, thoroughly: bool, found: _Changes) -> None:
        kept = self._kept[name].get(key, {})
        if entry is GONE:
            found.deleted += [Place(*name, repr(key), repr(part)) for part in kept]
            found.after.append((self._kept[name], key, GONE))
            return
        with self._noting:
            noted = self._noted.pop(id(entry), set())
        there = set()
        after = {}
        for part, value, stamp, make in (
            pieces_of(*name, entry) if thoroughly or not kept else noted_pieces(*name, entry, noted)
        ):
            if value is GONE:
                continue
            there.add(part)
            before = kept.get(part)
            if stamp is not None and (before is stamp or (isinstance(stamp, tuple) and before == stamp)):
                continue
            content = self._pickled(name, make(value) if make else value)
            if content is None:
                continue
            now = hash(content)
            if before != now or not isinstance(before, int):
                found.changed.append((Place(*name, repr(key), repr(part)), content))
            after[part] = now if stamp is None else stamp
        looked_at = kept if thoroughly or name != TABLES else noted
        for part in [one for one in looked_at if one not in there and one in kept]:
            found.deleted.append(Place(*name, repr(key), repr(part)))
            after[part] = GONE
        if after:
            mine = self._kept[name].setdefault(key, kept)
            found.after += [(mine, part, stamp) for part, stamp in after.items()]

    def _pickled(self, name: Name, value: Any) -> bytes | None:
        """The value as bytes. Another thread may be at it: then once more."""
        for attempt in range(TRIES):
            try:
                return pickled(value)
            except RuntimeError:
                if attempt == TRIES - 1:
                    raise
            except (TypeError, AttributeError, pickle.PicklingError) as error:
                if name not in self._refused:
                    logger.warning("%s is not kept: %s", ".".join(name), error)
                self._refused.add(name)
                break
        return None


def _stores() -> Iterator[tuple[int, Any, Name]]:
    """The stores of all services that are loaded, by the module that makes each: others import it from there."""
    for module_name, module in list(sys.modules.items()):
        service = module_name.removeprefix(SERVICES)
        if module is None or (service == module_name and service not in OURS):
            continue
        for name in _made_in(str(module.__file__)):
            store = getattr(module, name, None)
            if isinstance(store, AccountScopedDict | AccountRegionScopedDict) and (service, name) not in NOT_KEPT:
                yield id(store), store, (service, name)


@cache
def _made_in(file: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^(\w+)\b.*? = Account(?:Region)?ScopedDict\(\)", Path(file).read_text("utf-8"), re.M))


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """A private key of KMS is kept in the form of its file."""
        return (private_key, (pem_of(value),)) if hasattr(value, "private_bytes") else NotImplemented


def pickled(value: Any) -> bytes:
    """A value as bytes."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except (TypeError, AttributeError, pickle.PicklingError):  # few hold a private key; the others take half the time
        buffer = io.BytesIO()
        _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()


def pem_of(key: Any) -> bytes:
    """A private key as PEM, without a password."""
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return bytes(key.private_bytes(*formats))


def private_key(pem: bytes) -> Any:
    """The private key that was kept as PEM."""
    return serialization.load_pem_private_key(pem, password=None)

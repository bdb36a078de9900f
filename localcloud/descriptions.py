"""The descriptions of AWS's services, which boto3 reads from its files: here once for a process and all its forks.

Each session lists and reads them anew, and parses a megabyte of JSON before it asks anything: 0.1 s of CPU time. And it
looks at the signature of each of botocore's 150 event handlers, and each client for other names of their events.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import boto3
from botocore import hooks
from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader

OF_ALL = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
OF_EACH = ("service-2", "endpoint-rule-set-1")
OF_RESOURCES = "resources-1"
WITH_TABLES = "dynamodb"
"""The service that is asked by a resource, a table, as well."""
HANDLERS = 1024
"""Functions whose signatures are remembered."""

_of_a_file = JSONFileLoader.load_file
_listed_by = Loader.list_available_services
_listed: dict[tuple[str, ...], Any] = {}
_signature_of: Callable[[Any], Any] = hooks.accepts_kwargs
_signature_of_function = lru_cache(HANDLERS)(_signature_of)
_begin = hooks.EventAliaser.__init__
_names: dict[str, str] = {}


@cache
def description(path: str) -> Any:
    """The content of one of the files, which all sessions share, as clients of one session do."""
    return _of_a_file(JSONFileLoader(), path)


def available(loader: Loader, type_name: str) -> Any:
    """The services that have a file of a kind in the loader's folders."""
    key = (*loader.search_paths, type_name)
    if key not in _listed:
        _listed[key] = _listed_by(loader, type_name)
    return _listed[key]


def accepts_kwargs(handler: Any) -> Any:
    """Whether an event handler takes any keyword: of a function found once, as there is one for all sessions."""
    return (_signature_of_function if isinstance(handler, FunctionType) else _signature_of)(handler)


def begin_with_names(aliaser: Any, emitter: Any, aliases: Any = None) -> None:
    """Begin an emitter of a session or a client that knows the names which others have found."""
    _begin(aliaser, emitter, aliases)
    if aliaser._event_aliases == hooks.EVENT_ALIASES:
        aliaser._alias_name_cache = _names


def read_once(*services: str) -> None:
    """From now on sessions share what they read; what clients of these services need is read and made now."""
    JSONFileLoader.load_file = lambda _loader, file_path: description(file_path)
    Loader.list_available_services = available
    hooks.accepts_kwargs = accepts_kwargs
    hooks.EventAliaser.__init__ = begin_with_names
    loader = Loader()
    loader.search_paths.append(str(Path(boto3.__file__).with_name("data")))  # as a session of boto3 does
    with contextlib.suppress(DataNotFoundError):  # another release of botocore reads other files
        for name in OF_ALL if services else ():
            loader.load_data(name)
        for service in services:
            for kind in OF_EACH:
                loader.load_service_model(service, kind)
        if services:
            loader.list_available_services(OF_RESOURCES)
        # What the first client of a process imports, makes and looks at is there; these keys open nothing.
        session = boto3.Session("none", "none", region_name="us-east-1")
        for service in services:
            session.client(service)
        if WITH_TABLES in services:
            session.resource(WITH_TABLES).Table("none")

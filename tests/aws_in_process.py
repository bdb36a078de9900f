"""AWS in this process, as moto plays it, for what speaks to it through boto3.

Most of a test on moto would be clients that are made again, addresses that are listed again, and the same first
files: clients and addresses are kept, and what AWS holds can be put back as it was.
"""

from __future__ import annotations

import copyreg
import itertools
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from threading import Lock, RLock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore import useragent
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.hooks import EventAliaser
from moto.backend_index import backend_url_patterns
from moto.core import responses, serialize
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.model_instances import reset_model_data
from moto.core.models import MockAWS, botocore_stubber
from moto.s3.responses import S3Response

KEEP_SESSION: Any = {"core": {"reset_boto3_session": False}}
"""boto3 reads the services' descriptions once and not for each test."""

make_client: Callable[..., Any] = boto3.Session.client
addresses: Any = BaseBackend.urls
listed: dict[type[BaseBackend], Any] = {}
clients: dict[tuple[boto3.Session, str, str], Any] = {}
method_names: Callable[[type], list[str]] = responses.method_names_from_class
make_aliaser: Callable[[EventAliaser], EventAliaser] = EventAliaser.__copy__
sign: Callable[[SigV4Auth, AWSRequest], None] = SigV4Auth.add_auth
keys_of: Callable[..., Iterator[str]] = serialize.XFormedAttributePicker.get_possible_keys
numbers = itertools.count()
is_in_host: Callable[[Any], bool] = S3Response.subdomain_based_buckets
known_keys: dict[Any, tuple[str, ...]] = {}
FIRST = ("dynamodb", "s3")
"""Services whose addresses are tried first: moto tries the patterns of all, two hundred before these."""
OF_A_RESOURCE = {"user_agent_extra": "Resource"}
"""The settings of the client that boto3 makes for a resource."""


def client_of(session: boto3.Session, service_name: str, *options: Any, **more: Any) -> Any:
    """The client of before, where settings and environment are the same: it keeps nothing of what it was used for.

    Clients of ours with settings of their own are made anew, since tests listen in on them.
    """
    given = {name: value for name, value in more.items() if value is not None}
    settings = vars(given.pop("config", None) or Config())["_user_provided_options"]
    of_moto = "parameter_validation" in settings  # its Step Functions makes one for each task
    if options or (settings and settings != OF_A_RESOURCE and not of_moto):
        return make_client(session, service_name, *options, **more)
    # As they are held: `os.environ` would decode them all each time.
    variables = sorted(item for item in os.environ._data.items() if item[0].startswith(b"AWS_"))  # type: ignore[attr-defined]
    key = (session, service_name, repr([variables, sorted(given.items()), sorted(settings.items())]))
    if key not in clients:
        clients[key] = make_client(session, service_name, **more)
    return clients[key]


def addresses_of(backend: BaseBackend) -> Any:
    """The patterns of a service's addresses, which are the same for all its regions."""
    if type(backend) not in listed:
        listed[type(backend)] = addresses.fget(backend)
    return listed[type(backend)]


def aliaser_of(copied: EventAliaser) -> EventAliaser:
    """A client's own, which knows the names that others have looked up: they are the same for all."""
    made = make_aliaser(copied)
    made._alias_name_cache = copied._alias_name_cache
    return made


@cache
def names_of(kind: type, _attributes: int) -> list[str]:
    """The names of a class's methods, for as long as it has so many attributes: a test may add one."""
    return method_names(kind)


def method_names_of(kind: type) -> list[str]:
    """The names of a class's methods, of all that it has now."""
    return names_of(kind, len(vars(kind)))


def sign_without_hashes(signer: SigV4Auth, request: AWSRequest) -> None:
    """All that is read of a signature here: who asks, where and which service. No digest of what is sent is checked."""
    if signer.credentials is None or isinstance(signer, SigV4QueryAuth):
        sign(signer, request)
        return
    request.context["timestamp"] = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    signer._modify_request_before_signing(request)
    scope = signer.scope(request)
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def possible_keys(picker: serialize.AttributePicker, context: Any) -> tuple[str, ...]:
    """Under which names an answer's field may stand in an object of this class."""
    asked = (type(context.obj), context.key, context.shape)
    if asked not in known_keys:
        known_keys[asked] = tuple(keys_of(picker, context))
    return known_keys[asked]


@cache
def bucket_is_in(host: str) -> bool:
    """Whether this host's name begins with a bucket's."""
    return is_in_host(SimpleNamespace(headers={"host": host}))


def bucket_is_in_host(request: Any) -> bool:
    host = request.headers.get("host")
    return bucket_is_in(host) if host else is_in_host(request)


def number_request(headers: dict[str, str]) -> str:
    """A request's id, which moto would make of 52 random letters."""
    headers["x-amzn-requestid"] = f"{next(numbers):052d}"
    return headers["x-amzn-requestid"]


# What is worked out for each request, and is the same each time: some three tenths of a request's time here.
EventAliaser.__copy__ = aliaser_of
useragent.sanitize_user_agent_string_component = cache(useragent.sanitize_user_agent_string_component)
responses.method_names_from_class = method_names_of
responses.camelcase_to_underscores = cache(responses.camelcase_to_underscores)
responses.gen_amzn_requestid_long = number_request
serialize.XFormedAttributePicker.get_possible_keys = possible_keys
S3Response.subdomain_based_buckets = staticmethod(bucket_is_in_host)
backend_url_patterns.sort(key=lambda pattern: pattern[0] not in FIRST)


class BotoMock(MockAWS):
    """moto, without answers to `requests`: for these it lists thousands of patterns at each start."""

    def _enable_patching(self, reset: bool = True) -> None:
        if reset:
            self.reset()
        botocore_stubber.enabled = True

    def _disable_patching(self, remove_data: bool) -> None:
        botocore_stubber.enabled = False
        if remove_data:
            self.reset()
            reset_model_data()


@contextmanager
def empty_aws(**services: Mapping[str, Any]) -> Iterator[None]:
    """AWS with nothing in it, with moto's settings of these services."""
    with (
        BotoMock(config={**KEEP_SESSION, **services}),
        patch.object(boto3.Session, "client", client_of),
        patch.object(BaseBackend, "urls", property(addresses_of)),
        patch.object(SigV4Auth, "add_auth", sign_without_hashes),
    ):
        yield


class Held:
    """What AWS holds now, to be put back as often as it is wanted."""

    def __init__(self) -> None:
        self._services = [(service, dict(service), dict(vars(service))) for service in BackendDict._instances]
        self._backends = [backend for service, _, _ in self._services for _, _, backend in service.iter_backends()]
        self._keys: list[object] = []
        written = BytesIO()
        content = [vars(backend) for backend in self._backends], [more for _, _, more in self._services]
        Writer(written, self._backends, self._keys).dump(content)
        self._content = written.getvalue()

    def put_back(self) -> None:
        """AWS holds this, and nothing that came since."""
        BackendDict.reset()
        of_backends, of_services = Reader(BytesIO(self._content), self._backends, self._keys).load()
        for (service, accounts, _), more in zip(self._services, of_services, strict=True):
            service.update(accounts)
            vars(service).update(more)
            BackendDict._instances.append(service)
        for backend, content in zip(self._backends, of_backends, strict=True):
            vars(backend).clear()
            vars(backend).update(content)


class Writer(pickle.Pickler):
    """Writes all but the backends themselves, which refer to each other, locks, which are open, and keys, which never
    change: these go into a list."""

    def __init__(self, file: BytesIO, backends: list[BaseBackend], keys: list[object]) -> None:
        super().__init__(file)
        self.dispatch_table = {
            **copyreg.dispatch_table,
            type(Lock()): lambda _: (Lock, ()),
            type(RLock()): lambda _: (RLock, ()),
        }
        self._numbers = {id(backend): number for number, backend in enumerate(backends)}
        self._keys = keys

    def persistent_id(self, found: object) -> int | None:
        if type(found).__module__.startswith("cryptography."):
            self._keys.append(found)
            return -len(self._keys)
        return self._numbers.get(id(found))


class Reader(pickle.Unpickler):
    def __init__(self, file: BytesIO, backends: list[BaseBackend], keys: list[object]) -> None:
        super().__init__(file)
        self._backends, self._keys = backends, keys

    def persistent_load(self, number: int) -> object:
        return self._keys[-number - 1] if number < 0 else self._backends[number]

"""The AWS calls of serving without boto3: S3, SQS, DynamoDB, KMS.

Without boto3, whose import and first client take as long as the rest of the function's start. Errors are those of
`contender.adapters.aws.s3`, and no answer in time is an UnknownOutcomeError. All of it is safe to use from several
threads.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from contender.adapters.light_aws.plain_http import HttpClient, Origin, Response, split_url
from contender.adapters.light_aws.signed_http import CredentialSource, SignedHttp
from contender.errors import (
    ConflictError,
    ContenderError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import StoredObject
from contender.registry.signatures import Check, require_signature

Item = Mapping[str, Any]

_JSON = {"sqs": "application/x-amz-json-1.0", "dynamodb": "application/x-amz-json-1.0"}
_MISSING = ("ResourceNotFoundException", "QueueDoesNotExist", "NonExistentQueue", "NotFoundException")
_BUSY = (
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TransactionConflictException",
)
_NOT_AS_EXPECTED = "ConditionalCheckFailedException"


class LightAws:
    """The services of one region, as the environment variables name region, credentials and endpoints.

    `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` lead to other addresses, as in every SDK. `clock` is in epoch
    seconds.

    Raises
    ------
    ContenderError
        When no region is set.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        http: HttpClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        if not region:
            raise ContenderError("AWS_REGION is not set; Lambda sets it, elsewhere export AWS_DEFAULT_REGION")
        self._variables = variables
        http = http or HttpClient(clock=clock)
        self.signed = SignedHttp(CredentialSource(variables, http, clock), region, http=http, clock=clock)

    def objects(self, bucket: str) -> LightObjects:
        """The bucket as read-only objects."""
        return LightObjects(self, bucket)

    def queue(self, url: str) -> LightQueue:
        """The SQS queue at this URL."""
        return LightQueue(self, url)

    def table(self, name: str) -> LightTable:
        """The DynamoDB table of this name."""
        return LightTable(self, name)

    def kms(self) -> LightKms:
        """KMS, to verify signatures."""
        return LightKms(self)

    def signature_check(self) -> Check | None:
        """What refuses a version that the key in `SIGNING_KEY_ID` did not sign. Without a key there is none, and
        digests are all that is checked."""
        key_id = self._variables.get("SIGNING_KEY_ID", "")
        return require_signature(key_id, self.kms().verify) if key_id else None

    def endpoint(self, service: str) -> tuple[Origin, str] | None:
        """Where the environment says that a service is: whom to ask, and a path before all others."""
        name = f"AWS_ENDPOINT_URL_{service.upper()}"
        url = self._variables.get(name) or self._variables.get("AWS_ENDPOINT_URL")
        if not url:
            return None
        origin, path = split_url(url)
        return origin, path.rstrip("/")

    def host(self, service: str) -> Origin:
        """A service's own address in the region."""
        region = self.signed.region
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return Origin(True, f"{service}.{region}.{suffix}", 443)

    def call(self, service: str, target: str, content: Mapping[str, Any], where: str) -> dict[str, Any]:
        """One call in AWS's JSON protocol.

        Raises
        ------
        NotFoundError, ConflictError (busy: try again), PreconditionFailedError, UnknownOutcomeError (no answer)
        ContenderError
            When it is refused for another reason; the message says what the service said.
        """
        endpoint = self.endpoint(service)
        origin, path = endpoint or (self.host(service), "")
        headers = {"content-type": _JSON.get(service, "application/x-amz-json-1.1"), "x-amz-target": target}
        try:
            answer = self.signed.request(service, origin, "POST", f"{path}/", headers, json.dumps(content).encode())
        except OSError as error:
            raise UnknownOutcomeError(f"no answer for {where}: {error or type(error).__name__}") from error
        if answer.status == 200:
            return dict(json.loads(answer.body or b"{}"))
        raise _refusal(answer, where)


def _refusal(answer: Response, where: str) -> ContenderError:
    """What a service said in the JSON protocol, as the error that the core understands."""
    try:
        said = json.loads(answer.body)
        code = str(said.get("__type", "")).rpartition("#")[2].rpartition(".")[2]
        message = str(said.get("message") or said.get("Message") or "")
    except (ValueError, AttributeError):
        code, message = "", ""
    if code in _MISSING:
        return NotFoundError(f"{where} does not exist")
    if code in _BUSY or answer.status == 429:
        return ConflictError(f"{where} is busy ({code}); try again")
    if code == _NOT_AS_EXPECTED:
        return PreconditionFailedError(f"{where} is not in the expected state")
    if answer.status >= 500:
        return UnknownOutcomeError(f"the service answered {answer.status} for {where}")
    return RefusedError(f"the service answered {answer.status} {code} for {where}: {message}", code)


class RefusedError(ContenderError):
    """Raised when a service refuses a request for a reason that the core has no word for; `code` is the service's."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class LightObjects:
    """The reading side of one bucket."""

    def __init__(self, aws: LightAws, bucket: str) -> None:
        self._aws, self.bucket = aws, bucket
        endpoint = aws.endpoint("s3")
        if endpoint is not None:
            self._origin, path = endpoint
            self._prefix = f"{path}/{bucket}/"
        elif "." in bucket:  # the certificate of *.s3.amazonaws.com is good for one label
            self._origin, self._prefix = aws.host("s3"), f"/{bucket}/"
        else:
            whole = aws.host("s3")
            self._origin, self._prefix = whole._replace(host=f"{bucket}.{whole.host}"), "/"

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        """The object, or one version of it. Raises NotFoundError."""
        found = self._get(key, version_id=version_id)
        assert found is not None
        return found

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        """The object, or None when it still has this entity tag. Raises as `get` does."""
        return self._get(key, etag=etag)

    def _get(self, key: str, *, version_id: str | None = None, etag: str | None = None) -> StoredObject | None:
        query = f"?versionId={quote(version_id, safe='')}" if version_id else ""
        target = self._prefix + quote(key, safe="/~") + query
        headers = {"if-none-match": etag} if etag else {}
        where = f"s3://{self.bucket}/{key}"
        try:
            answer = self._aws.signed.request("s3", self._origin, "GET", target, headers)
        except OSError as error:
            raise UnknownOutcomeError(f"no answer for {where}: {error or type(error).__name__}") from error
        if answer.status == 200:
            return StoredObject(answer.body, answer.headers["etag"])
        if answer.status == 304:
            return None
        code = answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode(errors="replace")
        if answer.status == 404 or code in {"NoSuchKey", "NoSuchBucket", "NoSuchVersion"}:
            raise NotFoundError(f"{where} does not exist")
        if answer.status >= 500:
            raise UnknownOutcomeError(f"S3 answered {answer.status} for {where}")
        raise RefusedError(f"S3 answered {answer.status} {code} for {where}", code)


class LightQueue:
    """The sending side of one queue."""

    def __init__(self, aws: LightAws, url: str) -> None:
        self._aws, self.url = aws, url

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> None:
        """Send one message, at most 1 MiB as UTF-8; a FIFO queue takes a group and a deduplication id.

        A message may arrive twice when its first answer was lost: deduplicate by what is in it.
        """
        content = {"QueueUrl": self.url, "MessageBody": body}
        if group is not None:
            content["MessageGroupId"] = group
        if deduplication_id is not None:
            content["MessageDeduplicationId"] = deduplication_id
        self._aws.call("sqs", "AmazonSQS.SendMessage", content, self.url)


class LightTable:
    """One table with the keys `pk` and `sk`; items are plain values: text, numbers, bytes, lists, mappings, None."""

    def __init__(self, aws: LightAws, name: str) -> None:
        self._aws, self.name = aws, name

    def get_item(self, pk: str, sk: str) -> dict[str, Any] | None:
        """An item as it was last written; None where there is none."""
        content = {"TableName": self.name, "Key": _written({"pk": pk, "sk": sk}), "ConsistentRead": True}
        answer = self._call("GetItem", content)
        return _read(answer["Item"]) if "Item" in answer else None

    def put_item(self, item: Item, *, if_absent: bool = False) -> bool:
        """Write an item; `if_absent` leaves one that is there alone and answers False.

        False may also mean that the item is this very one, written by a first attempt whose answer was lost.
        """
        content: dict[str, Any] = {"TableName": self.name, "Item": _written(item)}
        if if_absent:
            content["ConditionExpression"] = "attribute_not_exists(pk)"
        try:
            self._call("PutItem", content)
        except PreconditionFailedError:
            return False
        return True

    def query_items(self, pk: str, prefix: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        """The items of a partition whose sort key begins with `prefix`, in its order, `limit` at most."""
        names = "pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk"
        values = {":pk": pk} | ({":prefix": prefix} if prefix else {})
        content: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": names,
            "ExpressionAttributeValues": _written(values),
            "ConsistentRead": True,
        }
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            answer = self._call("Query", {**content, "Limit": limit - len(found)})
            found += [_read(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            content["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found

    def _call(self, operation: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return self._aws.call("dynamodb", f"DynamoDB_20120810.{operation}", content, f"table {self.name}")


class LightKms:
    """Checks signatures made by a key that never leaves KMS."""

    def __init__(self, aws: LightAws) -> None:
        self._aws = aws

    def verify(self, key_id: str, digest: bytes, signature: bytes) -> bool:
        """Whether `signature` was made over this sha256 digest by this key (ECDSA on P-256)."""
        content = {
            "KeyId": key_id,
            "Message": base64.b64encode(digest).decode(),
            "MessageType": "DIGEST",
            "Signature": base64.b64encode(signature).decode(),
            "SigningAlgorithm": "ECDSA_SHA_256",
        }
        try:
            answer = self._aws.call("kms", "TrentService.Verify", content, f"key {key_id}")
        except RefusedError as error:
            if error.code == "KMSInvalidSignatureException":
                return False
            raise
        return bool(answer.get("SignatureValid"))


def _written(item: Item) -> dict[str, Any]:
    return {name: _value(value) for name, value in item.items()}


def _value(value: Any) -> dict[str, Any]:
    """A plain value as DynamoDB's JSON."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"M": _written(value)}
    return {"L": [_value(each) for each in value]}


def _read(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    """DynamoDB's JSON as a plain value; numbers are whole or of double precision, sets are lists."""
    ((kind, content),) = value.items()
    if kind == "N":
        return _number(content)
    if kind == "B":
        return base64.b64decode(content)
    if kind == "NULL":
        return None
    if kind == "M":
        return _read(content)
    if kind == "L":
        return [_plain(each) for each in content]
    if kind == "NS":
        return [_number(each) for each in content]
    if kind == "BS":
        return [base64.b64decode(each) for each in content]
    return content


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)

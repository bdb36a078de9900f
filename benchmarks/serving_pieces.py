"""The pieces of serving that are written by hand, beside the library that does the same.

    python -m benchmarks.serving_pieces [PIECE…]

prints, for each, the CPU time of importing and using it once in a fresh interpreter (the median of several), and of
each further use. CPU time, because other programs of the machine do not add to it. Decision 0024 has the figures.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from benchmarks.tiny_http import Asked, TinyServer, Told

ROOT = Path(__file__).parents[1]
FRESH_INTERPRETERS = 9

_ROWS = """
import json, random
random.seed(1)
FEATURES = [{"name": f"n{i}", "kind": "numeric"} for i in range(7)]
FEATURES += [{"name": f"c{i}", "kind": "categorical", "levels": list("ABCDEFGH")} for i in range(3)]
BINARY = {"task": "binary", "target": "late", "classes": ["no", "yes"], "positive": "yes"}
MANIFEST = {"version": "v1", "pipeline": "shop", "features": FEATURES, **BINARY}
def row():
    return {**{f"n{i}": random.random() for i in range(7)}, **{f"c{i}": random.choice("ABCDEFGH") for i in range(3)}}
TEXT = json.dumps({"rows": [row() for _ in range(1000)]})
"""
_READ = (
    _ROWS
    + """
from contender.data.encoding import FeatureEncoding
from contender.serving.requests import RowReader, read_request
ENCODINGS = [FeatureEncoding.from_dict(feature) for feature in FEATURES]
READER = RowReader(ENCODINGS)
"""
)
_ANSWER = (
    _ROWS
    + """
import numpy as np
from contender.serving.answers import answer
YES = np.random.default_rng(0).random(1000)
PREDICTIONS = np.column_stack([1 - YES, YES])
def content():
    return answer(PREDICTIONS, MANIFEST, request_id="r" * 36, variant="champion")
"""
)
_SIGN = """
HEADERS = {"host": "sqs.us-east-1.amazonaws.com", "content-type": "application/x-amz-json-1.0"}
BODY = b'{"MessageBody": "' + b"x" * 1000 + b'"}'
"""
_THERE = """
import aws_lambda_powertools, contender.serving.requests
"""
_EVENT = (
    _THERE
    + """
EVENT = {
    "version": "2.0", "routeKey": "$default", "rawPath": "/health", "rawQueryString": "",
    "headers": {"content-type": "application/json"}, "body": None, "isBase64Encoded": False,
    "requestContext": {"http": {"method": "GET", "path": "/health"}, "stage": "$default", "requestId": "r"},
}
"""
)


@dataclass(frozen=True)
class Way:
    """One way to do it: what is there anyway, what is imported and made, one use, and how many are timed."""

    piece: str
    name: str
    setup: str
    use: str
    prepare: str = ""
    uses: int = 200
    packages: tuple[str, ...] = ()


WAYS = (
    Way(
        "an object of S3",
        "light_aws",
        "import os\nfrom contender.adapters.light_aws.services import LightAws\n"
        "objects = LightAws(os.environ).objects('bucket')",
        "objects.get('key')",
    ),
    Way(
        "an object of S3",
        "boto3",
        "import boto3\ns3 = boto3.client('s3')",
        "s3.get_object(Bucket='bucket', Key='key')['Body'].read()",
        packages=("boto3", "botocore", "s3transfer", "urllib3", "python-dateutil", "six", "jmespath"),
    ),
    Way(
        "a signature",
        "signed_http",
        "from contender.adapters.light_aws.signed_http import Credentials, signed_headers\n"
        "keys = Credentials('a', 's')",
        "signed_headers('POST', HEADERS['host'], '/', HEADERS, BODY, credentials=keys, region='us-east-1', "
        "service='sqs', at=1.7e9)",
        _SIGN,
    ),
    Way(
        "a signature",
        "botocore.auth",
        "from botocore.auth import SigV4Auth\nfrom botocore.awsrequest import AWSRequest\n"
        "from botocore.credentials import Credentials\nauth = SigV4Auth(Credentials('a', 's'), 'sqs', 'us-east-1')",
        "auth.add_auth(AWSRequest('POST', 'https://' + HEADERS['host'] + '/', headers=HEADERS, data=BODY))",
        _SIGN,
        packages=("botocore", "urllib3", "python-dateutil", "six", "jmespath"),
    ),
    Way(
        "an HTTP request",
        "plain_http",
        "import os\nfrom contender.adapters.light_aws.plain_http import HttpClient, split_url\n"
        "client, (origin, _) = HttpClient(), split_url(os.environ['AWS_ENDPOINT_URL'] + '/')",
        "client.request(origin, 'GET', '/', {})",
    ),
    Way(
        "an HTTP request",
        "http.client",
        "import os, http.client\nfrom urllib.parse import urlsplit\n"
        "client = http.client.HTTPConnection(urlsplit(os.environ['AWS_ENDPOINT_URL']).netloc)",
        "client.request('GET', '/')\n    client.getresponse().read()",
    ),
    Way(
        "an HTTP request",
        "urllib3",
        "import os, urllib3\nclient = urllib3.PoolManager()",
        "client.request('GET', os.environ['AWS_ENDPOINT_URL'] + '/')",
        packages=("urllib3",),
    ),
    Way(
        "1,000 rows read",
        "bulk_requests (msgspec)",
        "from contender.adapters.serving.bulk_requests import QuickReader\nquick = QuickReader(ENCODINGS, READER)",
        "assert quick.read(TEXT, max_rows=5000) is not None",
        _READ,
        packages=("msgspec",),
    ),
    Way(
        "1,000 rows read",
        "json.py (orjson) and read_request",
        "from contender.adapters.serving.json import parse_json",
        "read_request(parse_json(TEXT), READER)",
        _READ,
        packages=("orjson",),
    ),
    Way(
        "1,000 rows read",
        "json and read_request",
        "import json",
        "read_request(json.loads(TEXT), READER)",
        _READ,
    ),
    Way(
        "1,000 rows read",
        "json, jsonschema and read_request",
        "import jsonschema\nfrom contender.pipeline.serving_policy import ServingPolicy\n"
        "from contender.serving.openapi import document\nspec = document(MANIFEST, ServingPolicy())\n"
        "schemas = spec['components']['schemas']\n"
        "check = jsonschema.Draft202012Validator({'$ref': '#/components/schemas/PredictRequest', **spec})",
        "body = json.loads(TEXT)\n    check.validate(body)\n    read_request(body, READER)",
        _READ,
        uses=5,
        packages=("jsonschema", "referencing", "rpds-py", "attrs", "jsonschema-specifications"),
    ),
    Way(
        "1,000 rows written",
        "bulk_answers (msgspec)",
        "from contender.adapters.serving.bulk_answers import QuickWriter\nquick = QuickWriter(MANIFEST)",
        "quick.write(PREDICTIONS, request_id='r' * 36, variant='champion')",
        _ANSWER,
        packages=("msgspec",),
    ),
    Way(
        "1,000 rows written",
        "json.py (orjson)",
        "from contender.adapters.serving.json import to_json",
        "to_json(content())",
        _ANSWER,
        packages=("orjson",),
    ),
    Way("1,000 rows written", "json", "import json", "json.dumps(content(), separators=(',', ':'))", _ANSWER),
    Way(
        "a route",
        "http.py and a dictionary, as routes.py has it",
        "from lambdas.serve.http import Reply, Request\n"
        "ROUTES = {path: {'GET': lambda request: Reply(200, '{}')} for path in ('/health', *map(str, range(7)))}",
        "request = Request.of_event(EVENT)\n    ROUTES[request.path][request.method](request).to_event()",
        _EVENT,
    ),
    Way(
        "a route",
        "Powertools' APIGatewayHttpResolver",
        "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver\napp = APIGatewayHttpResolver()\n"
        "for path in ('/health', *(f'/{number}' for number in range(7))):\n    app.get(path)(lambda: {})",
        "app.resolve(EVENT, None)",
        _EVENT,
        packages=("aws-lambda-powertools",),
    ),
    Way(
        "the OpenAPI document",
        "openapi.py",
        "from contender.pipeline.serving_policy import ServingPolicy\nfrom contender.serving.openapi import document",
        "document(MANIFEST, ServingPolicy())",
        _THERE + _ROWS,
        uses=20,
    ),
    Way(
        "the OpenAPI document",
        "Powertools with pydantic",
        "from typing import Optional\nfrom pydantic import create_model\n"
        "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver\n"
        "app = APIGatewayHttpResolver(enable_validation=True)\n"
        "fields = {f['name']: (Optional[float] if f['kind'] == 'numeric' else Optional[str], ...) for f in FEATURES}\n"
        "Row = create_model('Row', **fields)\nBody = create_model('Body', rows=(list[Row], ...))\n"
        "def answer(body: Body) -> dict:\n    return {}\n"
        "for path in range(8):\n    app.post(f'/{path}')(answer)",
        "app.get_openapi_json_schema(title='t', version='1')",
        _THERE + _ROWS,
        uses=20,
        packages=("aws-lambda-powertools", "pydantic", "pydantic-core", "annotated-types", "typing-inspection"),
    ),
)

_PROGRAM = """
import time
{prepare}
started = time.process_time()
{setup}
def use():
    {use}
use()
first = time.process_time() - started
started = time.process_time()
for _ in range({uses}):
    use()
print(first * 1e3, (time.process_time() - started) / {uses} * 1e6)
"""


def measure(way: Way, url: str) -> tuple[float, float]:
    """Milliseconds of CPU until it was used once, and microseconds of each further use: medians."""
    program = _PROGRAM.format(prepare=way.prepare, setup=way.setup, use=way.use, uses=way.uses)
    found = [_run(program, url) for _ in range(FRESH_INTERPRETERS)]
    return statistics.median(first for first, _ in found), statistics.median(again for _, again in found)


def _run(program: str, url: str) -> tuple[float, float]:
    environment: Mapping[str, str] = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    first, again = done.stdout.split()[-2:]
    return float(first), float(again)


def megabytes(packages: tuple[str, ...]) -> float:
    """What these packages take on the disk, without compiled Python."""
    paths = [path for package in packages for path in files(package) or () if path.suffix != ".pyc"]
    return sum(size.stat().st_size for path in paths if (size := Path(str(path.locate()))).is_file()) / 1e6


def main(pieces: Sequence[str]) -> None:
    """Print a table of these pieces, or of all."""
    with TinyServer(_answer) as server:
        print("| piece | way | first use, ms | each use, µs | packages, MB |\n|---|---|---|---|---|")
        for way in WAYS:
            if pieces and way.piece not in pieces:
                continue
            first, again = measure(way, f"http://{server.address}")
            size = f"{megabytes(way.packages):.1f}" if way.packages else "0"
            print(f"| {way.piece} | {way.name} | {first:.1f} | {again:,.0f} | {size} |", flush=True)


def _answer(_: Asked) -> Told:
    return Told(200, b"body", {"ETag": '"1"', "Content-Type": "binary/octet-stream"})


if __name__ == "__main__":
    main(sys.argv[1:])

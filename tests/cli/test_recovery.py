"""docs/recovery.md: after each loss, the commands of its section heal it, and the doctor finds nothing any more."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Thread
from typing import Any

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.s3 import S3Objects
from contender.backup.make import BackupMaker, Source
from contender.cli.backups import Below
from contender.data.datasets import DatasetStore
from contender.errors import DamagedPointerError
from contender.registry.pointer import pointer_key, read_pointer, require_pointer
from contender.registry.versions import MODEL, REFERENCE, ModelRegistry
from contender.rollout.golden_requests import GOLDEN
from contender.rollout.swap_history import history_entry
from contender.workflow.run_folder import RECORD, RunFolder
from tests.aws_cli import run_aws
from tests.aws_in_process import Held, empty_aws
from tests.cli.conftest import Contender, Ended
from tests.conftest import create_bucket, create_runs_table
from tests.models import crown
from tests.unit.doctor.clinic import dataset

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text("utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
STACK = "contender-dev"


class Model(BaseHTTPRequestHandler):
    """What serves: the champion that the pointer names, or without one the last good model."""

    def do_GET(self) -> None:
        try:
            found = read_pointer(S3Objects(boto3.client("s3"), "models"), "sales")
        except DamagedPointerError:
            found = None
        body = json.dumps({"model_version": found.pointer.champion if found else "v2", "stale": None}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Nothing is printed between the tests."""


@dataclass(frozen=True)
class Account:
    """An environment with two champions, a dataset version, a run, and a backup. `variables` are those of the page."""

    contender: Contender
    variables: dict[str, str]

    @property
    def models(self) -> S3Objects:
        return S3Objects(boto3.client("s3"), "models")

    @property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(boto3.resource("dynamodb").Table("runs"))

    def champion(self) -> str:
        return require_pointer(self.models, "sales").pointer.champion

    def follow(self, section: str) -> list[int]:
        """Type the commands of a section; the exit codes of those that are ours."""
        codes = []
        for line in (line for block in BLOCK.findall(SECTIONS[section]) for line in block.splitlines()):
            program, *words = shlex.split(Template(line).substitute(self.variables))
            if program == "aws":
                run_aws(words)
            else:
                assert program == "contender"
                codes.append(self.contender(*words).code)
        return codes


def new_key() -> str:
    made = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["Arn"])


def stack(name: str, outputs: Mapping[str, str]) -> None:
    resource = {"Nothing": {"Type": "AWS::SNS::Topic"}}
    template = {"Resources": resource, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
    boto3.client("cloudformation").create_stack(StackName=f"{STACK}-{name}", TemplateBody=json.dumps(template))


def data_stack(key: str) -> None:
    names = {"RunsTableName": "runs", "DataBucketName": "data", "ModelBucketName": "models"}
    stack("data", names | {"SigningKeyArn": key})


def deploy(api: str) -> dict[str, str]:
    """The stacks' outputs and what they name; the variables of the page."""
    for name in ("models", "data", "backups"):
        create_bucket(name)
    create_runs_table()
    key = new_key()
    queue = boto3.client("sqs").create_queue(QueueName="deadletters")["QueueUrl"]
    queues = {
        f"{name}{kind}": queue for name in ("Log", "Feedback", "Async") for kind in ("DeadLettersUrl", "QueueUrl")
    }
    data_stack(key)
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:sales"
    stack("sales-workflow", {"StateMachineArn": machine, "TriggersDeadLettersUrl": queue})
    stack("sales-serving", {"ApiUrl": api})
    stack("sales-predictions", queues)
    stack("sales-batch", {"TriggersDeadLettersUrl": queue})
    names = {
        "PIPELINE": "sales",
        "ENV": "dev",
        "BACKUPS": "backups",
        "MODELS": "models",
        "RUNS": "runs",
        "VERSION": "v2",
    }
    return names | {"KEY": key.rpartition("/")[2]}


def fill(account: Account) -> None:
    """Two champions, a dataset version, a run, and a backup of all of it."""
    models, ledger, data = account.models, account.ledger, S3Objects(boto3.client("s3"), "data")
    registry, signer = ModelRegistry(models, "sales"), KmsSigner(boto3.client("kms"), account.variables["KEY"])
    for version in ("v1", "v2"):
        files = {MODEL: version.encode(), REFERENCE: b"reference", GOLDEN: b"golden"}
        model = registry.write({"version": version, "pipeline": "sales"}, files, sign=signer.sign)
        crown(models, model, pipeline="sales")
        pointer = require_pointer(models, "sales").pointer
        now = f"2026-01-0{version[1]}T00:00:00+00:00"
        entry = history_entry(pointer, kind="promotion", now=now, reason="better", run_id="run-1")
        ledger.append_promotion("sales", entry)
    DatasetStore(data, "sales").write(dataset("d1", b"rows"), b"rows")
    record = {"pipeline": "sales", "run_id": "run-1", "started_at": "2026-01-01T00:00:00Z", "verdict": "promoted"}
    ledger.put_run(record)
    RunFolder(data, "sales", "run-1").write(RECORD, record)
    ledger.acquire_lease("sales", "run-1", now=0, seconds=1)
    ledger.release_lease("sales", "run-1")
    maker = BackupMaker(Below(S3Objects(boto3.client("s3"), "backups"), "contender/"), lambda _: None)
    maker.make([Source("sales", models, data, ledger)], environment="dev", with_data=True, now="2026-01-03")


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """The address of what serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(project: Path, contender: Contender, api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("CONTENDER_ENV", "dev")
    for name in ("contender", "training_image"):
        (project / name).mkdir()
    with empty_aws():
        held, names = deployed(api)
        held.put_back()
        yield Account(contender, dict(names))


@cache
def deployed(api: str) -> tuple[Held, dict[str, str]]:
    """Deployed and filled once for all tests, which find it as it was; with the variables of the page."""
    names = deploy(api)
    fill(Account(no_command, names))
    return Held(), names


def no_command(*words: str) -> Ended:
    raise AssertionError(words)


def garbage_pointer(account: Account) -> None:
    account.models.put(pointer_key("sales"), b"garbage")


def deleted_version(account: Account) -> None:
    for key in account.models.keys("models/sales/v2/"):
        boto3.client("s3").delete_object(Bucket="models", Key=key)


def other_bytes(account: Account) -> None:
    account.models.put(f"models/sales/v2/{MODEL}", b"v")


def deleted_table(account: Account) -> None:
    made = boto3.client("dynamodb").create_backup(TableName="runs", BackupName="of-the-deletion")["BackupDetails"]
    account.variables["BACKUP_ARN"] = made["BackupArn"]
    boto3.client("dynamodb").delete_table(TableName="runs")


def lost_rows(account: Account) -> None:
    table = boto3.resource("dynamodb").Table("runs")
    for item in table.scan()["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})


def deleted_bucket(account: Account) -> None:
    bucket = boto3.resource("s3").Bucket("models")
    bucket.object_versions.delete()
    bucket.delete()


def dying_key(account: Account) -> None:
    boto3.client("kms").schedule_key_deletion(KeyId=account.variables["KEY"], PendingWindowInDays=30)


def lost_region(account: Account) -> None:
    """The environment of another region, just deployed: empty, with a key of its own."""
    for name in ("models", "data"):
        boto3.resource("s3").Bucket(name).object_versions.delete()
    lost_rows(account)
    boto3.client("cloudformation").delete_stack(StackName=f"{STACK}-data")
    data_stack(new_key())


LOSSES: Mapping[str, Callable[[Account], None]] = {
    "The pointer is garbage, or lost": garbage_pointer,
    "A model version was deleted": deleted_version,
    "A file has other bytes": other_bytes,
    "The runs table was deleted": deleted_table,
    "The rows of the runs table are gone": lost_rows,
    "A bucket was deleted": deleted_bucket,
    "The signing key is scheduled for deletion": dying_key,
    "The region is lost": lost_region,
}


@pytest.mark.parametrize("section", LOSSES)
def test_the_commands_of_a_section_heal_its_loss(account: Account, section: str) -> None:
    before = account.ledger.runs("sales"), account.models.get(f"models/sales/v2/{MODEL}").body
    LOSSES[section](account)
    is_new = LOSSES[section] is lost_region  # where nothing is missed yet
    assert account.contender("doctor", "--pipeline", "sales").code == (0 if is_new else 1)
    codes = account.follow(section)
    assert codes[-1] == 0
    assert account.contender("doctor", "--deep").code == 0
    assert account.champion() == "v2"
    assert (account.ledger.runs("sales"), account.models.get(f"models/sales/v2/{MODEL}").body) == before


def test_the_page_begins_with_a_doctor_that_finds_nothing_and_a_backup_that_is_whole(account: Account) -> None:
    first = PAGE.split("## ", 1)[0]
    assert "contender doctor --pipeline $PIPELINE --env $ENV" in first
    assert account.contender("doctor").code == 0
    assert account.follow("Backups") == [0, 0]
    assert account.follow("Messages in a dead-letter queue") == [0]


def test_every_section_with_commands_is_tried() -> None:
    with_commands = {name for name, text in SECTIONS.items() if BLOCK.search(text)}
    assert with_commands == {*LOSSES, "Backups", "Messages in a dead-letter queue"}


def test_findings_are_a_table_for_people_and_json_for_scripts(account: Account) -> None:
    garbage_pointer(account)
    shown = account.contender("doctor")
    assert "contender doctor --fix: restore the newest whole champion of the history" in " ".join(shown.out.split())
    (found,) = json.loads(account.contender("doctor", "--json").out)
    assert [(each["check"], each["severity"], each["fixable"]) for each in found["findings"]] == [
        ("pointer", "critical", True)
    ]
    fixed = account.contender("doctor", "--fix", "--json")
    assert fixed.code == 0
    assert json.loads(fixed.out)[0]["mended"][0]["done"] == "v2 is champion again"

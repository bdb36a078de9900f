"""`contender dataset`: what it hands over is what the real DVC pulls, byte for byte."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.cli.clouds import Cloud, Workbench
from contender.cli.commands.dataset import Destination, export_version, write_config
from contender.data.dataset_fate import DatasetFate, left_out
from contender.data.datasets import DatasetManifest, DatasetStore
from contender.errors import InvalidInputError
from contender.storage import sha256
from localcloud.state import CREDENTIALS
from tests.cli.conftest import Contender
from tests.conftest import REGION
from tests.dvc import dvc, pull

PARTS = {"aa11": b"PAR1 the first rows PAR1", "aa22": b"PAR1 the second rows PAR1", "bb33": b"PAR1 others PAR1"}


@pytest.fixture
def bench(project: Path, buckets: dict[str, str]) -> Workbench:
    """The pipeline `sales` deployed as `dev`, with three dataset versions and a model of two of them."""
    session = boto3.Session(**CREDENTIALS, region_name=REGION)
    cloud = Cloud(session, os.environ["AWS_ENDPOINT_URL"], lambda _stack, name: buckets[name], str)
    made = Workbench(cloud, "local", "sales")
    store = DatasetStore(made.data, "sales")
    for number, (version, part) in enumerate(PARTS.items()):
        store.write(manifest(version, number, part), part)
    trained = {"version": "20260101T000000Z-aa220000-c0de0000", "datasets": ["aa11", "aa22"], "files": {}}
    made.models.put(f"models/sales/{trained['version']}/manifest.json", json.dumps(trained).encode())
    return made


def manifest(version: str, sequence: int, part: bytes) -> DatasetManifest:
    return DatasetManifest(
        pipeline="sales",
        version=version,
        sequence=sequence,
        rows=100 + sequence,
        part="part-0.parquet",
        part_sha256=sha256(part),
        source_key=f"incoming/sales/[{sequence}].csv",
        source_version_id=None,
        run_id="run-00001234",
        created_at="2026-01-01T10:20:30Z",
        order_from=1.0,
        order_to=2.0,
        columns=("amount", "bought"),
    )


def test_the_real_dvc_pulls_from_the_data_bucket_what_models_are_trained_on(
    bench: Workbench, contender: Contender, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shown = contender("dataset", "export", "aa11", "-p", "sales", "--out", str(out), "--config", "--env", "dev")

    assert shown.code == 0, shown.err
    assert f"in s3://{bench.data.bucket}/dvc" in shown.out
    assert pull(out, tmp_path / "home") == {"sales-aa11.parquet": PARTS["aa11"]}


def test_the_local_clouds_address_and_keys_stand_in_the_configuration(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_config(Destination(bench, None).remote, out)
    export_version(Destination(bench, None), DatasetStore(bench.data, "sales").manifest("bb33"), out)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    assert pull(out, tmp_path / "home") == {"sales-bb33.parquet": PARTS["bb33"]}
    assert "config.local" in (out / ".dvc" / ".gitignore").read_text()


def test_a_model_version_stands_for_all_that_it_was_trained_on_and_a_folder_may_be_the_remote(
    bench: Workbench, contender: Contender, tmp_path: Path
) -> None:
    out, remote = tmp_path / "out", tmp_path / "remote"
    options = ("-p", "sales", "--out", str(out), "--remote", str(remote), "--config", "--json", "--env", "dev")
    shown = json.loads(contender("dataset", "export", "20260101T000000Z-aa220000-c0de0000", *options).out)

    assert [one["name"] for one in shown] == ["sales-aa11.parquet", "sales-aa22.parquet"]
    assert {one["remote"] for one in shown} == {str(remote)}
    assert not bench.data.keys("dvc/")
    assert pull(out, tmp_path / "home") == {f"sales-{name}.parquet": PARTS[name] for name in ("aa11", "aa22")}


def test_an_export_that_is_repeated_leaves_what_is_there(bench: Workbench, tmp_path: Path) -> None:
    found = DatasetStore(bench.data, "sales").manifest("aa11")
    first, _ = export_version(Destination(bench, None), found, tmp_path)
    versions: Any = bench.data.client.list_object_versions
    second, path = export_version(Destination(bench, None), found, tmp_path)

    assert first == second
    assert len(versions(Bucket=bench.data.bucket, Prefix="dvc/")["Versions"]) == 1
    assert path.read_text() == f"outs:\n- md5: {first.md5}\n  size: 24\n  hash: md5\n  path: sales-aa11.parquet\n"


def test_rows_that_were_changed_are_not_handed_over(bench: Workbench, contender: Contender, tmp_path: Path) -> None:
    bench.data.put("datasets/sales/bb33/part-0.parquet", b"others")
    ended = contender("dataset", "export", "bb33", "-p", "sales", "--out", str(tmp_path / "out"), "--env", "dev")

    assert ended.code == 1
    assert "dataset bb33: part-0.parquet has sha256" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("version", "said"), [("aa", "2 dataset versions of sales start"), ("zz", "no dataset or model")]
)
def test_a_version_that_is_not_clear_is_an_error_that_says_where_to_look(
    bench: Workbench, contender: Contender, tmp_path: Path, version: str, said: str
) -> None:
    ended = contender("dataset", "export", version, "-p", "sales", "--out", str(tmp_path), "--env", "dev")

    assert ended.code == 1
    assert said in ended.err
    assert "contender dataset list --pipeline sales" in ended.err


def test_in_a_project_that_has_dvc_already_the_commands_that_are_shown_are_enough(
    bench: Workbench, contender: Contender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, home = tmp_path / "out", tmp_path / "home"
    out.mkdir()
    dvc(out, home, ["init", "--no-scm"], ["remote", "add", "-d", "mine", str(tmp_path / "mine")])
    shown = contender("dataset", "export", "aa11", "-p", "sales", "--out", str(out), "--env", "dev").out
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    first, *_, last = (line.strip() for line in shown.splitlines() if line.startswith("  dvc "))
    of_the_local_cloud = Destination(bench, None).remote.commands()
    dvc(out, home, *(command.split()[1:] for command in (*of_the_local_cloud, last)))

    assert (first, last) == (of_the_local_cloud[0], "dvc pull -r contender sales-aa11.parquet.dvc")

    assert (out / "sales-aa11.parquet").read_bytes() == PARTS["aa11"]
    assert "remote = mine" in (out / ".dvc" / "config").read_text()


def test_a_remote_that_dvc_filled_itself_is_left_as_it_is(bench: Workbench, tmp_path: Path) -> None:
    destination = Destination(bench, tmp_path / "remote")
    found = DatasetStore(bench.data, "sales").manifest("aa11")
    tracked, _path = export_version(destination, found, tmp_path)
    kept = tmp_path / "remote" / tracked.key
    kept.chmod(0o444)
    before = kept.stat()
    export_version(destination, found, tmp_path)

    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_version_that_is_not_there_leaves_no_folder(bench: Workbench, contender: Contender, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = contender("dataset", "export", "zz", "-p", "sales", "--out", str(out), "--config", "--env", "dev")
    assert (ended.code, out.exists()) == (1, False)


def test_settings_of_somebodys_own_are_not_replaced(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    remote = mine\n")
    with pytest.raises(InvalidInputError, match="dvc remote add contender s3://"):
        write_config(Destination(bench, None).remote, tmp_path)


def test_a_folder_under_git_keeps_its_history_there(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write_config(Destination(bench, tmp_path / "remote").remote, tmp_path)
    assert "no_scm" not in (tmp_path / ".dvc" / "config").read_text()


def test_versions_are_listed_newest_first(bench: Workbench, contender: Contender) -> None:
    listed = json.loads(contender("dataset", "list", "-p", "sales", "--env", "dev", "--json").out)
    assert [(one["version"], one["rows"]) for one in listed] == [("bb33", 102), ("aa22", 101), ("aa11", 100)]
    shown = contender("dataset", "list", "-p", "sales", "--env", "dev").out
    assert "incoming/sales/[2].csv" in shown
    assert shown.index("bb33") < shown.index("aa11")


def test_without_data_the_list_says_how_to_begin(bench: Workbench, contender: Contender) -> None:
    for key in bench.data.keys("datasets/"):
        bench.data.client.delete_object(Bucket=bench.data.bucket, Key=key)
    assert "contender upload FILE --pipeline sales" in contender("dataset", "list", "-p", "sales", "--env", "dev").out


def test_a_person_decides_about_a_version_and_the_list_says_who_and_why(bench: Workbench, contender: Contender) -> None:
    options = ("-p", "sales", "--env", "dev")
    out = contender("dataset", "leave-out", "bb", *options, "--reason", "amounts in cents")
    kept = json.loads(contender("dataset", "keep", "aa11", *options, "--json").out)
    shown = contender("dataset", "list", *options).out
    listed = json.loads(contender("dataset", "list", *options, "--json").out)

    assert "bb33 is left out. Train a model now: contender retrain --pipeline sales" in out.out
    assert (kept["version"], kept["fate"], kept["run_id"]) == ("aa11", "kept", "")
    assert "bb33 is left out by " in shown
    assert "amounts in cents" in shown
    assert [(one["version"], one["fate"] and one["fate"]["fate"]) for one in listed] == [
        ("bb33", "left out"),
        ("aa22", None),
        ("aa11", "kept"),
    ]
    assert list(left_out(DatasetStore(bench.data, "sales").fates(), checked=False)) == ["bb33"]
    assert all("summary" not in one for one in listed)


@pytest.mark.parametrize("version", ["aa", "zz", ""])
def test_a_version_that_is_not_clear_is_not_decided_about(bench: Workbench, contender: Contender, version: str) -> None:
    ended = contender("dataset", "keep", version, "-p", "sales", "--env", "dev")

    assert ended.code == 1
    assert "contender dataset list --pipeline sales" in ended.err
    assert not DatasetStore(bench.data, "sales").fates()


def test_what_is_decided_about_a_version_is_none_of_its_files_that_never_change(bench: Workbench) -> None:
    store = DatasetStore(bench.data, "sales")
    store.decide("aa11", DatasetFate("left out", "", "", "", "Ada", "2026-01-01"))

    assert [key.split("/")[-1] for key in store.keys("aa11")] == ["manifest.json", "part-0.parquet"]

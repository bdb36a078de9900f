"""A tool's own environment: made once with its pins, used again, made anew where the pins are others."""

from __future__ import annotations

import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud.errors import SideEnvironmentError
from localcloud.package_installer import index_settings, install_here
from localcloud.side_environments import PINS, SideEnvironment, tool


def write_wheel(folder: Path, version: str) -> Path:
    """A package with one module, `greeting`, that says its version: nothing has to be fetched."""
    path = folder / f"greeting-{version}-py3-none-any.whl"
    about = f"greeting-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("greeting.py", f"said = {version!r}\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path


def environment(folder: Path, version: str) -> SideEnvironment:
    requirements = folder / "greeting.txt"
    requirements.write_text(f"{write_wheel(folder, version)}\n")
    return SideEnvironment("greeting", requirements, folder / "tools" / "greeting")


def greeting(python: Path) -> str:
    command = [str(python), "-c", "import greeting; print(greeting.said)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_is_made_once_and_made_anew_for_other_pins(tmp_path: Path) -> None:
    said: list[str] = []
    first = environment(tmp_path, "1.0")
    assert not first.is_made()
    with ThreadPoolExecutor(2) as both:
        pythons = set(both.map(lambda _one: first.python(said.append), range(2)))
    assert len(pythons) == 1
    assert [line for line in said if line.startswith("creating")] == [
        "creating the environment of greeting: 0 packages, once"
    ]
    assert greeting(pythons.pop()) == "1.0"

    said.clear()
    first.python(said.append)
    assert not said

    second = environment(tmp_path, "2.0")
    assert not second.is_made()
    assert greeting(second.python()) == "2.0"


def test_what_cannot_be_fetched_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    requirements = tmp_path / "nowhere.txt"
    requirements.write_text("nowhere-to-be-found==1.0\n")
    lacking = SideEnvironment("nowhere", requirements, tmp_path / "tools" / "nowhere")
    with pytest.raises(
        SideEnvironmentError, match=r"nowhere-to-be-found was not found.*nowhere-to-be-found==1\.0.*PIP_INDEX_URL"
    ):
        lacking.python()
    assert not lacking.is_made()


@pytest.mark.parametrize("name", sorted(path.stem for path in PINS.glob("*.in")))
def test_every_tool_is_pinned_with_hashes(name: str, tmp_path: Path) -> None:
    pinned = tool(name, tmp_path)
    assert name in pinned.pins
    assert pinned.requirements.read_text().count("--hash=sha256:") >= len(pinned.pins)


def test_packages_come_from_the_index_that_pip_is_set_up_for() -> None:
    listed = (
        ":env:.index-url='https://nearer.example.com/packages'\n"
        "global.cert='/etc/ssl/own.crt'\nglobal.index-url='https://mirror.example.com/packages'\nglobal.timeout='9'\n"
    )
    assert index_settings(listed) == {
        "UV_DEFAULT_INDEX": "https://nearer.example.com/packages",
        "SSL_CERT_FILE": "/etc/ssl/own.crt",
    }


def test_an_installation_says_what_it_downloads_and_not_each_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho 'Downloading scipy (33.7MiB)' >&2\necho ' + scipy==1.17.1' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(program))
    assert install_here(["-r", "requirements.txt"]) == 3
    assert capsys.readouterr().err == "Downloading scipy (33.7MiB)\n"

"""The browser is found by its names, and who has none is told what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import NAMES, find_browser, install, main


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_is_found_by_any_of_its_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() == str(tmp_path / name)
    assert main() is None


def test_without_a_browser_and_a_way_to_install_one_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.browser.chromium.ON_A_MAC", ())
    assert not install()
    assert "apt-get install chromium" in str(main())

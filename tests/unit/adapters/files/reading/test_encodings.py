"""What a text file is, found out piece by piece."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contender.adapters.files.reading.encodings
from contender.adapters.files.reading.encodings import as_utf8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text")


@settings(max_examples=50)
@given(text=st.text("ab\n\r€é", min_size=1, max_size=20))
def test_line_ends_are_found_wherever_the_file_is_cut(folder: Path, text: str) -> None:
    """Python's own decoder of line ends says what is right."""
    whole = io.IncrementalNewlineDecoder(None, translate=True)
    plain = whole.decode(text, final=True)
    path, rewritten = folder / "text", folder / "rewritten"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contender.adapters.files.reading.encodings, "CHUNK", 3)
        found = as_utf8(path, rewritten)
    assert (found.encoding, found.mixed_line_ends) == ("utf-8", isinstance(whole.newlines, tuple))
    assert found.path.read_bytes().decode() == (plain if found.mixed_line_ends else text)

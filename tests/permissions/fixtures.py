"""For the conftest of tests whose code asks AWS: calls are recorded and checked, and written down at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.permissions.recorder import recorder, write_recorded


def pytest_sessionfinish() -> None:
    write_recorded()


@pytest.fixture(autouse=True)
def permitted() -> Iterator[None]:
    """No function asks AWS for what its deployed role would refuse, and no command for what the policies would that
    docs/permissions.md names for it."""
    yield
    refused, recorder.refused = recorder.refused, []
    assert not refused, refused

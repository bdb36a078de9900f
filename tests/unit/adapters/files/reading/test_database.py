"""One database for each process, and nothing of one reader in another's."""

from __future__ import annotations

import os
from pathlib import Path

from contender.adapters.files.reading.database import _made, connect


def test_what_one_connection_makes_no_other_sees(tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("a,b\n1\n")
    with connect(tmp_path) as first, connect(tmp_path) as second:
        first.sql(
            f"FROM read_csv('{tmp_path / 'short.csv'}', columns = {{'a': 'VARCHAR', 'b': 'VARCHAR'}}, header = true,"
            " auto_detect = false, store_rejects = true)"
        ).fetchall()
        assert first.execute("SELECT line FROM reject_errors").fetchall() == [(2,)]
        assert second.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
    with connect(tmp_path) as third:
        assert third.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


def test_a_database_that_no_longer_answers_is_made_anew(tmp_path: Path) -> None:
    connect(tmp_path).close()
    _made[os.getpid()].close()
    with connect(tmp_path) as found:
        assert found.execute("SELECT 1").fetchone() == (1,)


def test_a_fork_has_a_database_of_its_own(tmp_path: Path) -> None:
    connect(tmp_path).close()
    child = os.fork()
    if child == 0:
        with connect(tmp_path) as found:
            answer = found.execute("SELECT sum(range) FROM range(100000)").fetchone()
        os._exit(int(answer != (4999950000,)))
    assert os.waitpid(child, 0)[1] == 0


def test_no_extension_is_fetched_and_memory_is_bounded(tmp_path: Path) -> None:
    with connect(tmp_path) as found:
        names = ("memory_limit", "autoinstall_known_extensions", "autoload_known_extensions")
        settings = [found.execute(f"SELECT current_setting('{name}')").fetchone() for name in names]
    assert settings == [("488.2 MiB",), (False,), (False,)]

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph.cli import app
from pacs.archive.faults import ArchiveUnusable
from pacs.archive.options import ArchiveOptions
from pacs.archive.server import run
from pacs.archive.verify import Report, verify
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import running

OBJECTS = 6


@pytest.fixture
async def stored(tmp_path: Path) -> list[Path]:
    """The files of an archive that is stopped, in the order of their objects."""
    async with running(ArchiveOptions(data_dir=tmp_path)) as archive:
        await archive.store(*(instance(SOPInstanceUID=f"1.2.3.1.1.{number}") for number in range(OBJECTS)))
    return sorted((tmp_path / "files").rglob("*.dcm"))


def spoil(data_dir: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_check_finds_every_kind_of_damage(tmp_path: Path, stored: list[Path]) -> None:
    assert verify(tmp_path) == Report(OBJECTS, (), (), (), (), ())
    missing, cut, changed, header, unreadable, _ = stored
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    header.write_bytes(header.read_bytes().replace(b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2"))
    unreadable.unlink()
    unreadable.mkdir()
    unknown = missing.with_name("1.9.dcm")
    unknown.write_bytes(b"x")
    report = verify(tmp_path)
    named = (report.missing, report.damaged, report.unreadable, report.unknown)
    expected = [[missing], [cut, changed, header], [unreadable], [unknown]]
    assert [list(paths) for paths in named] == [
        [str(path.relative_to(tmp_path)) for path in paths] for paths in expected
    ]
    assert (report.instances, report.index_errors) == (OBJECTS, ())


async def test_a_check_finds_what_is_wrong_with_the_index(tmp_path: Path, stored: list[Path]) -> None:
    spoil(
        tmp_path,
        "UPDATE studies SET number_of_instances = 7, attributes = x'7b22'",
        "UPDATE metadata SET json = x'0102' WHERE instance = 1",
        "DELETE FROM metadata WHERE instance = 2",
        "INSERT INTO names VALUES ('00100010', 'x', 99)",
    )
    assert verify(tmp_path).index_errors == (
        "a row of names belongs to nothing",
        "the study 1.2.3.1 has another number of series or instances than it says",
        "the attributes of the study 1.2.3.1 are damaged",
        "the metadata of the object 1.2.3.1.1.0 are missing or damaged",
        "the metadata of the object 1.2.3.1.1.1 are missing or damaged",
    )


async def test_a_check_of_broken_databases_says_so_and_goes_on(tmp_path: Path, stored: list[Path]) -> None:
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'instances'").fetchone()
    content = bytearray((tmp_path / "index.sqlite").read_bytes())
    content[4096 * (page - 1) : 4096 * page] = b"\xa5" * 4096
    (tmp_path / "index.sqlite").write_bytes(content)
    (tmp_path / "worklist.sqlite").write_bytes(b"no database" * 1000)
    errors = verify(tmp_path).index_errors
    assert "worklist.sqlite: file is not a database" in errors
    assert any("malformed" in error for error in errors)
    answer = CliRunner().invoke(app, ["archive", "--data-dir", str(tmp_path), "check"])
    assert (answer.exit_code, "index: worklist.sqlite: file is not a database" in answer.output) == (1, True)


def test_a_check_makes_no_archive_where_there_is_none(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["archive", "--data-dir", str(tmp_path / "typo"), "check"])
    assert (answer.exit_code, "there is no archive in the folder" in answer.output) == (2, True)
    assert not (tmp_path / "typo").exists()


def no_database(folder: Path) -> None:
    (folder / "index.sqlite").write_bytes(b"no database" * 1000)


def newer(folder: Path) -> None:
    spoil(folder, "PRAGMA user_version = 99")


def a_file_in_the_way(folder: Path) -> None:
    (folder / "incoming").write_text("")


def a_folder_in_the_way(folder: Path) -> None:
    (folder / "lock").mkdir()


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (no_database, "cannot be opened: file is not a database; its `files` are whole without it"),
        (newer, "the archive's index has version 99"),
        (a_file_in_the_way, "cannot be used: File exists"),
        (a_folder_in_the_way, "cannot be used: Is a directory"),
    ],
)
def test_an_archive_that_cannot_start_says_why_in_a_sentence(
    tmp_path: Path, spoiled: Callable[[Path], None], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoiled(tmp_path)
    with pytest.raises(ArchiveUnusable, match=re.escape(sentence)):
        run(ArchiveOptions(data_dir=tmp_path), socket=tmp_path / "s")
    assert "Traceback" not in caplog.text

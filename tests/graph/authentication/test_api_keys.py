"""API keys: made by the command, known by their hash, ended by taking out their line."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph.access import Identity, Role
from graph.authentication.api_keys import BadKeyFile, new_key
from graph.authentication.authenticator import Unauthenticated
from graph.authentication.key_file import KeyFileAuthenticator
from graph.cli import app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.jsonl"


def command(file: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["api-key", "new", *arguments, "--file", str(file)])
    return result.exit_code, result.output.strip()


def test_the_command_prints_the_key_once_and_keeps_its_hash(file: Path) -> None:
    code, ris = command(file, "ris", "--role", "integration")
    assert code == 0
    code, portal = command(file, "portal of P1", "--role", "PATIENT", "--patient-id", "P1")
    assert code == 0

    text = file.read_text()
    assert ris not in text
    assert portal not in text
    assert hashlib.sha256(ris.encode()).hexdigest() in text
    assert len(ris) == len("dg_") + 43  # 256 bits in base64
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["ris", "--role", "ADMIN"], "already"),
        (["x", "--role", "KING"], "PATIENT"),
        (["x", "--role", "PATIENT"], "patient ID"),
        (["x", "--role", "PATIENT", "--patient-id", " "], "patient ID"),
        (["x", "--role", "ADMIN", "--patient-id", "P1"], "patient ID"),
        (["", "--role", "ADMIN"], "at least 1"),
        (["a\nb", "--role", "ADMIN"], "printable"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_a_sentence(file: Path, arguments: list[str], reason: str) -> None:
    new_key(file, "ris", Role.INTEGRATION)
    before = file.read_bytes()

    code, output = command(file, *arguments)

    assert code == 2
    assert reason in output
    assert file.read_bytes() == before


async def test_a_key_tells_whose_it_is(file: Path) -> None:
    ris = new_key(file, "ris", Role.INTEGRATION)
    patient = new_key(file, "portal", Role.PATIENT, " P1 ")
    known = KeyFileAuthenticator(file)
    await known.start()
    assert await known.authenticate(ris) == Identity("ris", Role.INTEGRATION)
    assert await known.authenticate(patient) == Identity("portal", Role.PATIENT, "P1")
    for wrong in (None, "", ris[:-1], ris + "a", ris.lower(), hashlib.sha256(ris.encode()).hexdigest(), "\udcff"):
        with pytest.raises(Unauthenticated):
            await known.authenticate(wrong)
    await known.aclose()


async def test_a_removed_key_ends_and_a_new_one_begins_while_the_server_runs(file: Path) -> None:
    removed = new_key(file, "removed", Role.ADMIN)
    stays = new_key(file, "stays", Role.ADMIN)
    known = KeyFileAuthenticator(file)
    await known.start()
    await known.authenticate(removed)

    file.write_text("# the second alone, and a line that was broken by hand\n{\n" + file.read_text().splitlines()[1])
    added = new_key(file, "added", Role.DIAGNOSTIC)

    await _until_refused(known, removed)
    assert (await known.authenticate(stays)).subject == "stays"
    assert (await known.authenticate(added)).subject == "added"
    file.unlink()
    await _until_refused(known, stays)
    await known.aclose()


async def _until_refused(known: KeyFileAuthenticator, key: str) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            await known.authenticate(key)
        except Unauthenticated:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the key is still taken")


async def test_a_server_does_not_start_with_a_file_that_holds_something_else(file: Path) -> None:
    for text in (None, "{}", '{"name": "a", "role": "ADMIN", "sha256": "secret"}'):
        if text is not None:
            file.write_text(text)
        with pytest.raises(BadKeyFile):
            await KeyFileAuthenticator(file).start()

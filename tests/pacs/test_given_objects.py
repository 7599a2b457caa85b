"""Large objects at a PACS that may take their files: what it does not take, it is sent."""

import asyncio
import errno
from io import BytesIO

import pytest

from pacs import part10, stow
from pacs.errors import Conflict, PacsError, PacsTimeout
from pacs.given_files import GivenFile
from pacs.stow import NewObject
from tests.pacs.scripted import Exchange, Script, pacs_that
from tests.pacs.test_studies import EMPTY, IMAGE, STORED, failed

_GIVEN = GivenFile(pid=1, descriptor=2, device=3, inode=4, modified=5, size=32_000_000)
_TAKES = {"takes_given": True, "tells_conflicts": True}


class _File(BytesIO):
    async def give(self) -> GivenFile | None:
        return _GIVEN


def new(file: BytesIO | None = None) -> NewObject:
    file = file or _File(IMAGE.content)
    size = len(file.getvalue())
    return NewObject(file, size, part10.check(file, size))


def answering(bodies: list[bytes], *answers: tuple[int, object]) -> Script:
    """Keeps what it is sent."""
    left = list(answers)

    async def script(exchange: Exchange) -> None:
        bodies.append(await exchange.body())
        status, answer = left.pop(0)
        await exchange.json(answer, status)

    return script


@pytest.fixture(autouse=True)
def any_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stow, "LEAST_BYTES", 0)


async def test_what_is_given_is_not_sent() -> None:
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (200, STORED)), **_TAKES) as (pacs, _):
        assert await pacs.store([new()]) == [None]
    (body,) = bodies
    assert _GIVEN.content_type.encode() in body
    assert len(body) < 300


async def test_what_is_not_taken_is_sent() -> None:
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (400, EMPTY), (200, STORED)), **_TAKES) as (pacs, _):
        assert await pacs.store([new()]) == [None]
    assert [IMAGE.content in body for body in bodies] == [False, True]


async def test_a_disk_that_is_full_is_not_sent_it_again() -> None:
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (507, EMPTY)), **_TAKES) as (pacs, _):
        (error,) = await pacs.store([new()])
    assert isinstance(error, PacsError)
    assert len(bodies) == 1


async def test_a_file_that_its_disk_does_not_give_is_sent() -> None:
    class Failing(_File):
        async def give(self) -> GivenFile | None:
            raise OSError(errno.EIO, "")

    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (200, STORED)), **_TAKES) as (pacs, _):
        assert await pacs.store([new(Failing(IMAGE.content))]) == [None]
    assert [IMAGE.content in body for body in bodies] == [True]


async def test_what_is_taken_and_refused_is_not_sent() -> None:
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (409, failed(0x0111))), **_TAKES) as (pacs, _):
        (error,) = await pacs.store([new()])
    assert isinstance(error, Conflict)
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("file", "options"),
    [
        pytest.param(_File(IMAGE.content), {"tells_conflicts": True}, id="a PACS elsewhere"),
        pytest.param(BytesIO(IMAGE.content), _TAKES, id="a file that is not to be given"),
    ],
)
async def test_other_files_are_sent_at_once(file: BytesIO, options: dict[str, object]) -> None:
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (200, STORED)), **options) as (pacs, _):
        assert await pacs.store([new(file)]) == [None]
    assert [IMAGE.content in body for body in bodies] == [True]


async def test_small_files_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stow, "LEAST_BYTES", len(IMAGE.content) + 1)
    bodies: list[bytes] = []
    async with pacs_that(answering(bodies, (200, STORED)), **_TAKES) as (pacs, _):
        assert await pacs.store([new()]) == [None]
    assert [IMAGE.content in body for body in bodies] == [True]


@pytest.mark.parametrize(("bytes_per_second", "error"), [(1e6, None), (1e9, PacsTimeout)])
async def test_the_disk_has_time_to_write_what_is_given(
    monkeypatch: pytest.MonkeyPatch, bytes_per_second: float, error: type[Exception] | None
) -> None:
    monkeypatch.setattr(stow, "_LEAST_BYTES_PER_SECOND", bytes_per_second)

    async def slow(exchange: Exchange) -> None:
        await exchange.body()
        await asyncio.sleep(0.5)
        await exchange.json(STORED)

    async with pacs_that(slow, **_TAKES, timeout_seconds=0.1) as (pacs, _):
        (found,) = await pacs.store([new()])
    assert type(found) is (error or type(None))

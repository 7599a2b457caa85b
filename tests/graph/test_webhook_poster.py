"""One post to a receiver: over a kept connection where that can be, and ended by the status of the answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graph import webhook_poster
from graph.webhook_messages import Answer
from graph.webhook_poster import Poster
from persistence.records import ExamEvent, WebhookDelivery, now
from tests.graph.webhook_receiver import Receiver, listening
from tests.persistence.events import new_event

EVENT = ExamEvent(sequence=1, **dict(new_event()))


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    poster = Poster(None, timeout_seconds=5)
    yield poster
    await poster.aclose()


async def post(poster: Poster, url: str) -> Answer:
    return await poster.post(EVENT, WebhookDelivery.plan(1, url, now()), now())


@pytest.mark.parametrize("answer", [b"", b"thank you" * 1000])
async def test_posts_to_one_receiver_share_a_connection(poster: Poster, answer: bytes) -> None:
    async with listening(Receiver(statuses=[200], answer=answer)) as receiver:
        for _ in range(3):
            assert (await post(poster, receiver.url)).is_success
        assert len(receiver.connections) == 1


async def test_an_endless_answer_is_not_read_to_keep_its_connection(poster: Poster) -> None:
    async with listening(Receiver(statuses=[200], answer=bytes(1 << 20))) as receiver:
        for _ in range(2):
            assert (await post(poster, receiver.url)).is_success
        assert len(receiver.connections) == 2


@pytest.mark.parametrize("rest", [b"content-length: 10\r\n\r\nonly", b"transfer-encoding: chunked\r\n\r\nno chunk"])
async def test_an_answer_counts_by_its_status_whatever_becomes_of_the_rest(
    rest: bytes, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_poster, "_REST_SECONDS", 0.05)
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 202 Accepted\r\n" + rest)
        while await reader.read(4096):
            pass  # and never says the rest
        over.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        assert await post(poster, f"http://{host}:{port}/hook") == Answer(202)
        await asyncio.wait_for(over.wait(), 5)

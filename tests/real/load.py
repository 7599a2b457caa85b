"""A PACS that announces exams, and subscribers who hear of them, both through whatever happens to the servers."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import orjson
import websockets

from pacs.uids import new_uid

_PATIENCE_SECONDS = 30.0
_NEW_EXAM = "subscription ($after: String) { newExam(after: $after) { cursor studyInstanceUID } }"
_BROKEN = (OSError, websockets.WebSocketException, httpx.HTTPError)


@dataclass(frozen=True)
class Refusal:
    """An announcement that was not acknowledged."""

    status: int | None
    """None: there was no answer."""
    retry_after: str | None
    seconds: float


@dataclass
class Announcer:
    """Posts events, each again until it is acknowledged, as the PACS's script would."""

    url: str
    pause_seconds: float = 0.0
    acknowledged: dict[str, float] = field(default_factory=dict)
    """When each study's event was posted first, by the clock of `time.perf_counter`."""
    acknowledged_at: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    async def run(self, stopped: asyncio.Event) -> None:
        """Announces until `stopped`; then the last one is acknowledged, too."""
        async with httpx.AsyncClient(base_url=self.url, timeout=_PATIENCE_SECONDS) as client:
            while not stopped.is_set():
                await self._announce(client, new_uid())
                await asyncio.sleep(self.pause_seconds)

    async def _announce(self, client: httpx.AsyncClient, study: str) -> None:
        began = time.perf_counter()
        while not await self._is_taken(client, study):
            await asyncio.sleep(0.1)
        self.acknowledged[study] = began
        self.acknowledged_at.append(time.perf_counter())

    async def _is_taken(self, client: httpx.AsyncClient, study: str) -> bool:
        started = time.perf_counter()
        status = retry_after = None
        try:
            answer = await client.post("/new-exam-callback", json={"StudyInstanceUID": study, "PatientID": "P"})
        except httpx.HTTPError:
            pass
        else:
            status, retry_after = answer.status_code, answer.headers.get("retry-after")
        if status != httpx.codes.NO_CONTENT:
            self.refusals.append(Refusal(status, retry_after, time.perf_counter() - started))
        return status == httpx.codes.NO_CONTENT


@dataclass
class Follower:
    """A subscriber of `newExam` who comes back with the last cursor whenever the socket breaks."""

    url: str
    cursor: str
    heard: dict[str, float] = field(default_factory=dict)
    """When it heard of each study, by the clock of `time.perf_counter`, in the order of hearing."""
    tls: ssl.SSLContext | None = None
    sockets: int = 0
    repeats: int = 0

    async def run(self) -> None:
        """Follows until cancelled."""
        while True:
            try:
                await self._follow()
            except _BROKEN:
                await asyncio.sleep(0.1)

    async def wait_for(self, studies: set[str]) -> None:
        """Returns when it has heard of all `studies`."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while missing := studies - self.heard.keys():
            assert time.monotonic() < deadline, f"never heard of {len(missing)} of {len(studies)} studies"
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        url = self.url.replace("http", "ws", 1) + "/graphql"
        protocols = [websockets.Subprotocol("graphql-transport-ws")]
        async with websockets.connect(url, subprotocols=protocols, ssl=self.tls) as socket:
            await socket.send('{"type":"connection_init"}')
            payload = {"query": _NEW_EXAM, "variables": {"after": self.cursor}}
            await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
            self.sockets += 1
            async for text in socket:
                message = orjson.loads(text)
                if message["type"] == "next":
                    self._hear(message["payload"]["data"]["newExam"])
                elif message["type"] == "ping":
                    await socket.send('{"type":"pong"}')
                elif message["type"] == "complete":
                    return
                else:
                    assert message["type"] == "connection_ack", message

    def _hear(self, event: dict[str, str]) -> None:
        self.repeats += event["studyInstanceUID"] in self.heard
        self.cursor = event["cursor"]
        self.heard[event["studyInstanceUID"]] = time.perf_counter()


@asynccontextmanager
async def under_load(announcers: list[Announcer], followers: list[Follower]) -> AsyncIterator[None]:
    """Announcing and following meanwhile; in the end, every follower has heard of all that was acknowledged."""
    stopped = asyncio.Event()
    following = [asyncio.create_task(follower.run()) for follower in followers]
    announcing = [asyncio.create_task(announcer.run(stopped)) for announcer in announcers]
    try:
        yield
        stopped.set()
        await asyncio.wait_for(asyncio.gather(*announcing), _PATIENCE_SECONDS)
        acknowledged = {study for announcer in announcers for study in announcer.acknowledged}
        await asyncio.gather(*(follower.wait_for(acknowledged) for follower in followers))
    finally:
        for task in (*announcing, *following):
            task.cancel()
        await asyncio.gather(*announcing, *following, return_exceptions=True)


async def first_cursor(url: str) -> str:
    """Announces one exam; its cursor, from which everything else can be heard."""
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS) as client:
        body = {"StudyInstanceUID": new_uid(), "PatientID": "P"}
        (await client.post("/new-exam-callback", json=body)).raise_for_status()
        answer = await client.post("/graphql", json={"query": "{ examEvents(first: 1) { nodes { cursor } } }"})
        cursor: str = answer.json()["data"]["examEvents"]["nodes"][0]["cursor"]
        return cursor

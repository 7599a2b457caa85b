"""A client of the API, as a front-end would write it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import websockets

from tests.samples import Sample

_PATIENCE_SECONDS = 20.0
UPLOAD = """mutation Upload($files: [Upload!]!) { uploadExams(files: $files) { results {
  filename instance { studyInstanceUID seriesInstanceUID sopInstanceUID fileURL } error { code message } } } }"""


class Api:
    """GraphQL over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.http = client

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The `data` of a query or mutation that must succeed."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The first error of a query or mutation that must fail: its extensions, and its message."""
        answer = await self.answer(query, **variables)
        error = answer["errors"][0]
        return {"message": error["message"], **error["extensions"]}

    async def answer(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    async def upload(self, *contents: bytes | Path, query: str = UPLOAD) -> list[dict[str, Any]]:
        """Uploads files and gives a result each."""
        answer = await self.upload_answer(*contents, query=query)
        assert "errors" not in answer, answer["errors"]
        results: list[dict[str, Any]] = answer["data"]["uploadExams"]["results"]
        return results

    async def upload_answer(self, *contents: bytes | Path, query: str = UPLOAD) -> dict[str, Any]:
        """The whole answer to an upload."""
        operations = {"query": query, "variables": {"files": [None] * len(contents)}}
        places = {str(n): [f"variables.files.{n}"] for n in range(len(contents))}
        files: list[tuple[str, Any]] = [("operations", (None, orjson.dumps(operations)))]
        files.append(("map", (None, orjson.dumps(places))))
        for n, content in enumerate(contents):
            body = content.read_bytes() if isinstance(content, Path) else content
            files.append((str(n), (f"file{n}.dcm", body)))
        response = await self.http.post("/graphql", files=files, headers={"GraphQL-Require-Preflight": "1"})
        answer: dict[str, Any] = response.json()
        return answer

    async def upload_outcome(self, content: bytes) -> str:
        """What is told of a file: `stored`, the code of the request's error, or `file: ` and that of its own."""
        answer = await self.upload_answer(content)
        if errors := answer.get("errors"):
            return str(errors[0]["extensions"]["code"])
        (result,) = answer["data"]["uploadExams"]["results"]
        return f"file: {result['error']['code']}" if result["error"] else "stored"

    async def retrieve_outcome(self, image: Sample) -> str:
        """What is told of a retrieve: `whole`, `another`, `broken off` in its middle, or the code of an error."""
        path = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}"
        try:
            answer = await self.http.get(path, params={"fileType": "application/dicom"})
        except httpx.RemoteProtocolError:
            return "broken off"
        if answer.status_code != httpx.codes.OK:
            return str(answer.json()["code"])
        return "whole" if answer.content == image.content else "another"


class Subscriber:
    """One subscription over graphql-transport-ws."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket

    async def next(self) -> dict[str, Any]:
        """The next event's data."""
        while True:
            message = orjson.loads(await asyncio.wait_for(self._socket.recv(), _PATIENCE_SECONDS))
            if message["type"] == "ping":
                await self._socket.send(orjson.dumps({"type": "pong"}).decode())
            elif message["type"] == "next":
                assert "errors" not in message["payload"], message["payload"]
                data: dict[str, Any] = message["payload"]["data"]
                return data
            else:
                raise AssertionError(message)


@asynccontextmanager
async def subscribe(base_url: str, query: str, **variables: Any) -> AsyncIterator[Subscriber]:
    """Opens a socket and subscribes."""
    url = base_url.replace("http", "ws", 1) + "/graphql"
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    # With a queue that fills up, who leaves before reading all reads no close frame either, and waits for it for 10 s.
    async with websockets.connect(url, subprotocols=protocols, max_queue=None) as socket:
        await socket.send('{"type":"connection_init"}')
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        yield Subscriber(socket)

"""One HTTP client to one DICOMweb server: credentials, time-outs, one retry, errors by kind, bodies as streams.

It knows HTTP and the habits of servers (measured on Orthanc 1.10–1.13), and nothing of studies or worklists.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import httpcore
import httpx

from pacs.address import PacsAddress
from pacs.attributes import JSONDataset
from pacs.client.answer import Answer
from pacs.client.failures import check_status, pacs_errors
from pacs.client.requests import Requests
from pacs.client.transport import SteadyTransport
from pacs.errors import PacsFault
from pacs.excerpts import excerpt

T = TypeVar("T")
DICOM_JSON = "application/dicom+json"

_LARGE_BYTES = 256 * 1024  # some milliseconds to read


class DicomWeb:
    """A client to one server. Methods raise the errors of `pacs.errors`, and nothing else, for what the server does."""

    def __init__(self, address: PacsAddress) -> None:
        self.address = address
        self._large = asyncio.Lock()
        self._requests = Requests(address)
        self._transport = SteadyTransport(address)
        self._client = httpx.AsyncClient(
            transport=self._transport,
            headers=self._requests.headers,
            timeout=self._requests.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def search(self, path: str, query: str = "") -> list[JSONDataset]:
        """The datasets of a search or of `/metadata`: a list, empty for 204 and `[]`."""
        return await self.read(path, Answer.datasets, query=query)

    async def metadata(self, path: str, tags: frozenset[str]) -> tuple[list[JSONDataset], int]:
        """The datasets of `/metadata` with the attributes `tags` alone, and how many bytes they were with all."""

        def read(answer: Answer) -> tuple[list[JSONDataset], int]:
            found = excerpt(answer.content, tags)
            return answer.datasets() if found is None else found, len(answer.content)

        return await self.read(path, read)

    async def read(self, path: str, read: Callable[[Answer], T], *, query: str = "", accept: str = DICOM_JSON) -> T:
        """What `read` makes of an answer: of large ones one by one, and other requests get their turn in between."""
        answer = await self.request("GET", path, query=query, headers={"Accept": accept})
        if len(answer.content) < _LARGE_BYTES:
            return read(answer)
        async with self._large:
            found = read(answer)
            await asyncio.sleep(0)
            return found

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        accept_errors: frozenset[int] = frozenset(),
        work_seconds: float = 0.0,
        is_safe: bool = False,
    ) -> Answer:
        """One exchange with a small answer, read whole.

        What changes nothing (`is_safe`, RFC 9110 §9.2.1; a GET always) is sent once more where the connection breaks.

        The server may take `work_seconds` longer than any other to answer when `content` is not a stream.
        `query` is sent as it is (see `queries.py`). A status of 400 or more raises, but for those in `accept_errors`,
        whose bodies have something to say.
        """
        is_safe |= method == "GET"
        with pacs_errors():
            async with asyncio.timeout(self.address.timeout_seconds + work_seconds) as deadline:
                if not isinstance(content, AsyncIterator):
                    simple = self._requests.simple(method, path, query, headers, content)
                    if simple is not None:
                        return await self._exchange(simple, accept_errors, is_safe=is_safe)
                else:
                    content = self._uploaded(content, deadline)
                response = await self._send(method, path, query, headers, content, is_safe=is_safe)
                try:
                    check_status(response.status_code, accept_errors)
                    return Answer(response.status_code, response.headers.raw, await self._read(response.aiter_bytes()))
                finally:
                    await response.aclose()

    async def ask(self, path: str, question: bytes) -> Answer:
        """A question that is put by POST, as to Orthanc's tools: it changes nothing."""
        return await self.request("POST", path, content=question, is_safe=True)

    async def _exchange(self, request: httpcore.Request, accept_errors: frozenset[int], *, is_safe: bool) -> Answer:
        """One without what httpx does for other clients: a third of the processor time (measured)."""

        async def read(response: httpcore.Response) -> Answer:
            check_status(response.status, accept_errors)
            pieces = cast(AsyncIterable[bytes], response.stream)
            if any(name.lower() == b"content-encoding" for name, _ in response.headers):  # unasked
                pieces = httpx.Response(response.status, headers=response.headers, content=pieces).aiter_bytes()
            return Answer(response.status, response.headers, await self._read(pieces))

        try:
            return await self._transport.read(request, read)
        except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
            if not is_safe:
                raise
            return await self._transport.read(request, read)  # see `_send`

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read piece by piece; `pieces()` maps what happens on the way."""
        with pacs_errors():
            async with asyncio.timeout(self.address.timeout_seconds):
                response = await self._send("GET", path, query, headers, None, is_safe=True)
        try:
            with pacs_errors():
                check_status(response.status_code)
            yield response
        finally:
            await response.aclose()

    async def _uploaded(self, content: AsyncIterator[bytes], deadline: asyncio.Timeout) -> AsyncIterator[bytes]:
        """The body as it is sent: every piece that the server takes, and the last one, give it time anew."""
        clock = asyncio.get_running_loop().time
        async for piece in content:
            deadline.reschedule(clock() + self.address.timeout_seconds)
            yield piece
        deadline.reschedule(clock() + self.address.timeout_seconds)

    async def _read(self, pieces: AsyncIterable[bytes]) -> bytes:
        body: list[bytes] = []
        size = 0
        async for piece in pieces:
            body.append(piece)
            size += len(piece)
            if size > self.address.max_answer_bytes:
                raise PacsFault(f"the answer of the PACS is larger than {self.address.max_answer_bytes} bytes")
        return b"".join(body)  # of one piece, that piece

    async def _send(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str] | None,
        content: bytes | AsyncIterator[bytes] | None,
        *,
        is_safe: bool,
    ) -> httpx.Response:
        url = self._requests.url(path, query)
        request = self._client.build_request(method, url, headers=dict(headers or {}), content=content)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if not is_safe:
                raise
            # A kept connection that the server closed meanwhile looks like this: a new one tells.
            return await self._client.send(request, stream=True)


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes; a connection that breaks or falls silent raises a PacsError."""
    with pacs_errors():
        async for piece in response.aiter_bytes():
            yield piece

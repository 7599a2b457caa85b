"""One HTTP client to one DICOMweb server: credentials, time-outs, one retry, errors by kind, bodies as streams.

It knows HTTP and the habits of servers (measured on Orthanc 1.10–1.13), and nothing of studies or worklists.
"""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore
import httpx
import orjson

from pacs.attributes import JSONDataset
from pacs.connections import SteadyTransport
from pacs.errors import NotAcceptable, NotFound, PacsError, PacsFault, PacsTimeout, PacsUnauthorized, PacsUnavailable

DICOM_JSON = "application/dicom+json"

INSUFFICIENT_STORAGE = 507
NO_SPACE = "it has no space left on its disk"

_KEEP_ALIVE_SECONDS = 0.9  # Orthanc closes idle connections after 1 s
_LARGE_BYTES = 256 * 1024  # some milliseconds to read
_NO_HOST = "http://pacs"  # what a request over a Unix socket is addressed to
_AS_IT_IS = re.compile(rb"[!$-;=?-_a-z|~]+")
"""A target of a request in which nothing has to be percent-encoded."""
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol)
_STATUS_ERRORS: dict[int, type[PacsError]] = {
    401: PacsUnauthorized,
    403: PacsUnauthorized,
    404: NotFound,
    406: NotAcceptable,
    408: PacsTimeout,
    410: NotFound,
    502: PacsUnavailable,
    503: PacsUnavailable,
    504: PacsTimeout,
}
_MESSAGES: dict[type[PacsError], str] = {
    PacsUnauthorized: "the PACS refused the credentials of this service",
    NotAcceptable: "the PACS has no representation of the kinds that were asked for",
    NotFound: "the PACS has no such object",
    PacsTimeout: "the PACS did not answer in time",
    PacsUnavailable: "the PACS cannot be reached",
}


@dataclass(frozen=True)
class PacsAddress:
    """Where a DICOMweb server is, how to be let in, and how long to wait for it."""

    url: str
    """The DICOMweb root, e.g. `http://127.0.0.1:8042/dicom-web`; over a `socket` only its path counts."""
    socket: Path | None = None
    username: str | None = None
    password: str | None = None
    token: str | None = None
    ca_file: Path | None = None
    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 30.0
    """The longest a search may take in all, and the longest silence within a transfer."""
    decodes_queries: bool = False
    """Whether the server percent-decodes query strings, as it should; Orthanc before 1.13 does not."""
    tells_conflicts: bool = False
    """Whether the server refuses other content under a stored SOP Instance UID; Orthanc says `stored` and drops it."""
    tells_updates: bool = False
    """Whether rows of series have the Study Update DateTime that is asked for, and it changes with every object."""
    max_connections: int = 32
    max_answer_bytes: int = 128 * 1024 * 1024
    """The largest answer that is read whole."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    """Of the header, as they came."""
    content: bytes

    @property
    def headers(self) -> httpx.Headers:
        """The same, by name."""
        return httpx.Headers(self.fields)

    def json(self) -> Any:
        """The body as JSON, whatever its Content-Type: servers label their error answers badly or not at all."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise PacsFault("the PACS answered with something that is not JSON") from None


class _Encoded(Exception):
    """The server compresses its answers, unasked: httpx reads those."""


class DicomWeb:
    """A client to one server. Methods raise the errors of `pacs.errors`, and nothing else, for what the server does."""

    def __init__(self, address: PacsAddress) -> None:
        self.address = address
        self._large = asyncio.Lock()
        self._root = httpx.URL(address.url.rstrip("/") if address.socket is None else _socket_root(address.url))
        self._place: dict[str, Any] = {
            "scheme": self._root.raw_scheme,
            "host": self._root.raw_host,
            "port": self._root.port,
        }
        self._path = self._root.raw_path.rstrip(b"/")
        self._transport = _transport(address)
        headers = {"Accept-Encoding": "identity", "User-Agent": "dicom-graph"} | _authorization(address)
        self._fields = httpx.Headers({"Host": self._root.netloc.decode("ascii")} | headers).raw
        timeout = httpx.Timeout(address.timeout_seconds, connect=address.connect_timeout_seconds)
        self._patience = {"timeout": timeout.as_dict()}
        self._reads_plainly = not self._root.userinfo
        self._client = httpx.AsyncClient(
            transport=self._transport,
            headers=headers,
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def search(self, path: str, query: str = "") -> list[JSONDataset]:
        """The datasets of a search or of `/metadata`: a list, empty for 204 and `[]`."""
        answer = await self.request("GET", path, query=query, headers={"Accept": DICOM_JSON})
        if answer.status == httpx.codes.NO_CONTENT or not answer.content:
            return []
        datasets = await self._json(answer)
        if isinstance(datasets, dict):  # some servers send one object bare
            datasets = [datasets]
        if not isinstance(datasets, list) or not all(isinstance(dataset, dict) for dataset in datasets):
            raise PacsFault("the PACS answered a search with something else than datasets")
        return datasets

    async def _json(self, answer: Answer) -> Any:
        """The body as JSON: large ones one by one, and other requests get their turn in between."""
        if len(answer.content) < _LARGE_BYTES:
            return answer.json()
        async with self._large:
            json = answer.json()
            await asyncio.sleep(0)
            return json

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        accept_errors: frozenset[int] = frozenset(),
    ) -> Answer:
        """One exchange with a small answer, read whole.

        `query` is sent as it is (see `queries.py`). A status of 400 or more raises, but for those in `accept_errors`,
        whose bodies have something to say.
        """
        with _errors():
            async with asyncio.timeout(self.address.timeout_seconds) as deadline:
                target = self._path + _target(path, query)
                if method == "GET" and content is None and self._reads_plainly and _AS_IT_IS.fullmatch(target):
                    with suppress(_Encoded):
                        return await self._get(target, headers or {}, accept_errors)
                    self._reads_plainly = False
                if content is not None and not isinstance(content, bytes):
                    content = self._uploaded(content, deadline)
                response = await self._send(method, path, query, headers, content)
                try:
                    _check(response.status_code, accept_errors)
                    return Answer(response.status_code, response.headers.raw, await self._read(response.aiter_bytes()))
                finally:
                    await response.aclose()

    async def _get(self, target: bytes, headers: Mapping[str, str], accept_errors: frozenset[int]) -> Answer:
        """A small exchange without what httpx does for other clients: a third of the processor time (measured)."""

        async def read(response: httpcore.Response) -> Answer:
            _check(response.status, accept_errors)
            if any(
                name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in response.headers
            ):
                raise _Encoded
            return Answer(response.status, response.headers, await self._read(response.aiter_stream()))

        fields = [*self._fields, *((name.encode(), value.encode()) for name, value in headers.items())]
        url = httpcore.URL(**self._place, target=target)
        request = httpcore.Request(b"GET", url, headers=fields, extensions=self._patience)
        try:
            return await self._transport.read(request, read)
        except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
            return await self._transport.read(request, read)  # see `_send`

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read piece by piece; `pieces()` maps what happens on the way."""
        with _errors():
            async with asyncio.timeout(self.address.timeout_seconds):
                response = await self._send("GET", path, query, headers, None)
        try:
            with _errors():
                _check(response.status_code, frozenset())
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
        body = bytearray()
        async for piece in pieces:
            body += piece
            if len(body) > self.address.max_answer_bytes:
                raise PacsFault(f"the answer of the PACS is larger than {self.address.max_answer_bytes} bytes")
        return bytes(body)

    async def _send(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str] | None,
        content: bytes | AsyncIterator[bytes] | None,
    ) -> httpx.Response:
        url = self._root.copy_with(raw_path=self._path + _target(path, query))
        request = self._client.build_request(method, url, headers=dict(headers or {}), content=content)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if method != "GET":
                raise
            # A kept connection that the server closed meanwhile looks like this: a new one tells.
            return await self._client.send(request, stream=True)


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes; a connection that breaks or falls silent raises a PacsError."""
    with _errors():
        async for piece in response.aiter_bytes():
            yield piece


def _target(path: str, query: str) -> bytes:
    return f"/{path.lstrip('/')}{'?' + query if query else ''}".encode("ascii")


def _check(status: int, accept_errors: frozenset[int]) -> None:
    if status in accept_errors or 200 <= status < 300:
        return
    kind = _STATUS_ERRORS.get(status)
    if status == INSUFFICIENT_STORAGE:
        raise PacsFault(f"the PACS refused: {NO_SPACE}")
    raise kind(_MESSAGES[kind]) if kind else PacsFault(f"the PACS answered with status {status}")


@contextmanager
def _errors() -> Iterator[None]:
    """Turns what httpx raises into the errors of `pacs.errors`, without addresses or bodies in the message."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException, httpcore.TimeoutException) as error:
        raise PacsTimeout(_MESSAGES[PacsTimeout]) from error
    except httpx.DecodingError as error:
        raise PacsFault("the PACS sent a body that cannot be decoded") from error
    except (httpx.TransportError, httpx.StreamError, *_BROKEN, OSError) as error:
        raise PacsUnavailable(_MESSAGES[PacsUnavailable]) from error


def _socket_root(url: str) -> str:
    return _NO_HOST + httpx.URL(url).path.rstrip("/")


def _transport(address: PacsAddress) -> SteadyTransport:
    limits = httpx.Limits(
        max_connections=address.max_connections,
        max_keepalive_connections=address.max_connections,
        keepalive_expiry=_KEEP_ALIVE_SECONDS,
    )
    uds = str(address.socket) if address.socket else None
    return SteadyTransport(limits=limits, verify=_tls(address), uds=uds, is_plain=_is_plain(address))


def _is_plain(address: PacsAddress) -> bool:
    return address.socket is not None or address.url.startswith("http:")


def _tls(address: PacsAddress) -> ssl.SSLContext:
    """Certificates are read, which takes 17 ms (measured), only where there is TLS."""
    if _is_plain(address):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=str(address.ca_file) if address.ca_file else None)


def _authorization(address: PacsAddress) -> dict[str, str]:
    if address.username:
        both = f"{address.username}:{address.password or ''}".encode()
        return {"Authorization": f"Basic {b64encode(both).decode()}"}
    return {"Authorization": f"Bearer {address.token}"} if address.token else {}

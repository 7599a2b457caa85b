"""Requests to one server: where they go, and what all of them say."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpcore
import httpx

from pacs.address import PacsAddress

_NO_HOST = "http://pacs"  # what a request over a Unix socket is addressed to
_AS_IT_IS = re.compile(rb"[!$-;=?-_a-z|~]+")
"""A target of a request in which nothing has to be percent-encoded."""


class Requests:
    """Makes them, for httpx or for httpcore below it."""

    def __init__(self, address: PacsAddress) -> None:
        self._root = httpx.URL(address.url.rstrip("/") if address.socket is None else _socket_root(address.url))
        self._path = self._root.raw_path.rstrip(b"/")
        self._place: dict[str, Any] = {
            "scheme": self._root.raw_scheme,
            "host": self._root.raw_host,
            "port": self._root.port,
        }
        self.headers = {"Accept-Encoding": "identity", "User-Agent": "dicom-graph"} | address.authorization
        self._fields = httpx.Headers({"Host": self._root.netloc.decode("ascii")} | self.headers).raw
        self.timeout = httpx.Timeout(address.timeout_seconds, connect=address.connect_timeout_seconds)
        self._patience = {"timeout": self.timeout.as_dict() | {"read": None}}
        self._has_userinfo = bool(self._root.userinfo)

    def url(self, path: str, query: str) -> httpx.URL:
        """Of a path below the DICOMweb root."""
        return self._root.copy_with(raw_path=self._target(path, query))

    def simple(
        self, method: str, path: str, query: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> httpcore.Request | None:
        """For httpcore; None if something in it is left to httpx to encode. Who sends it bounds the whole exchange."""
        target = self._target(path, query)
        if self._has_userinfo or not _AS_IT_IS.fullmatch(target):
            return None
        fields = [*self._fields, *((name.encode(), value.encode()) for name, value in (headers or {}).items())]
        if content is not None or method == "POST":
            fields.append((b"Content-Length", b"%d" % len(content or b"")))
        url = httpcore.URL(**self._place, target=target)
        return httpcore.Request(method, url, headers=fields, content=content or _Nothing(), extensions=self._patience)

    def _target(self, path: str, query: str) -> bytes:
        return self._path + f"/{path.lstrip('/')}{'?' + query if query else ''}".encode("ascii")


class _Nothing:
    """A body without a piece; of an empty one httpcore would make one."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def _socket_root(url: str) -> str:
    return _NO_HOST + httpx.URL(url).path.rstrip("/")

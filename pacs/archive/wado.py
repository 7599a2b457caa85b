"""Retrieve (WADO-RS, PS3.18 §10.4): objects as stored, metadata and bulk data."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pacs import multipart
from pacs.archive import bulkdata, http, lookup, negotiation
from pacs.archive.files import FileStore
from pacs.archive.index import Index
from pacs.archive.lookup import Instance
from pacs.archive.streams import threaded
from pacs.attributes import JSONDataset

log = structlog.get_logger(__name__)

_METADATA_AT_ONCE = 500


class RetrieveService:
    """The Retrieve transaction over one archive."""

    def __init__(self, index: Index, files: FileStore) -> None:
        self._index = index
        self._files = files

    async def objects(self, request: Request) -> Response:
        """`GET` of a study, series or instance: every object in a part of its own; see `negotiation`."""
        accepted = [found.parameters.get("transfer-syntax") for found in _require(request, http.DICOM)]
        instances = await self.find(request)
        paths = [self.path(instance) for instance in instances]
        await asyncio.to_thread(self.check_files, instances, paths)
        parts = [negotiation.pieces(one, path, accepted) for one, path in zip(instances, paths, strict=True)]
        return multipart_response(http.DICOM, parts)

    async def metadata(self, request: Request) -> Response:
        """`GET …/metadata`: all attributes but the bulk data, from the index alone."""
        http.require_json(request)
        instances = await self.find(request)
        return StreamingResponse(self._metadata(instances, http.base_url(request)), media_type=http.DICOM_JSON)

    async def bulk_data(self, request: Request) -> Response:
        """`GET …/bulkdata/{path}`: the value that a `BulkDataURI` stands for."""
        ranges = _require(request, http.OCTETS)
        instance = (await self.find(request))[0]
        path = self.path(instance)
        await asyncio.to_thread(self.check_files, [instance], [path])
        value = await asyncio.to_thread(bulkdata.find, path, request.path_params["path"])
        if value is None:
            raise HTTPException(404, "there is no such bulk data")
        if any(found.admits(http.MULTIPART) for found in ranges):
            return multipart_response(http.OCTETS, [(value.length, value.pieces())])
        headers = {"content-length": str(value.length)}
        return StreamingResponse(threaded(value.pieces()), headers=headers, media_type=http.OCTETS)

    async def find(self, request: Request) -> list[Instance]:
        """The instances that the URL means; 404 when there are none."""
        return await self.find_by(request.path_params)

    async def find_by(self, uids: Mapping[str, Any]) -> list[Instance]:
        """The instances of a `study`, `series`, `instance`; 404 when there are none."""
        return await self._index.read(lambda connection: lookup.find(connection, uids))

    async def _metadata(self, instances: Sequence[Instance], base: str) -> AsyncIterator[bytes]:
        before = b"["
        for start in range(0, len(instances), _METADATA_AT_ONCE):
            some = list(instances[start : start + _METADATA_AT_ONCE])
            encoded = await self._index.read(partial(lookup.metadata, instances=some, base=base))
            yield before + b",".join(encoded)
            before = b","
        yield b"]"

    async def dataset(self, instance: Instance) -> JSONDataset:
        """An instance's metadata."""
        (encoded,) = await self._index.read(partial(lookup.metadata, instances=[instance], base=http.ROOT))
        found: JSONDataset = orjson.loads(encoded)
        return found

    def path(self, instance: Instance) -> Path:
        """Where an instance's file lies."""
        return self._files.path(instance.study_instance_uid, instance.sop_instance_uid)

    @staticmethod
    def check_files(instances: Iterable[Instance], paths: Iterable[Path]) -> None:
        """A file that is missing or cut is told before the answer begins, while there is a status to tell it with."""
        for instance, path in zip(instances, paths, strict=True):
            if not path.is_file() or path.stat().st_size != instance.file_bytes:
                log.error("archive_damaged_file", sop_instance_uid=instance.sop_instance_uid)
                raise HTTPException(500, "a stored file is missing or damaged; `archive check` lists such files")


def multipart_response(
    content_type: str, parts: Sequence[tuple[int | None, Iterator[bytes]]], *, outer: str | None = None
) -> Response:
    """Parts with their lengths, streamed; `outer` is their type without its parameters."""
    boundary = multipart.new_boundary()
    openings = [multipart.opening(boundary, content_type, first=number == 0) for number in range(len(parts))]
    closing = multipart.closing(boundary)
    lengths = [length for length, _ in parts if length is not None]

    async def body() -> AsyncIterator[bytes]:
        for opening, (_, pieces) in zip(openings, parts, strict=True):
            yield opening
            async for piece in threaded(pieces):
                yield piece
        yield closing

    headers = {"content-type": f'{http.MULTIPART}; type="{outer or content_type}"; boundary={boundary}'}
    if len(lengths) == len(parts):
        headers["content-length"] = str(sum(map(len, openings)) + sum(lengths) + len(closing))
    return StreamingResponse(body(), headers=headers)


def _require(request: Request, content_type: str) -> list[http.MediaRange]:
    """What the client accepts, if it takes `content_type` in a multipart answer or alone; else 406."""
    ranges = http.media_ranges(request)
    fitting = [
        found
        for found in ranges
        if (found.admits(http.MULTIPART) and found.parameters.get("type", content_type) in {content_type, "*/*"})
        or found.admits(content_type)
    ]
    if not fitting:
        raise HTTPException(406, f'only {http.MULTIPART}; type="{content_type}" is served here')
    return fitting

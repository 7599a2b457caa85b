"""Retrieve (WADO-RS, PS3.18 §10.4): objects, metadata, and where the files lie."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, lookup, native_xml, representations, wholeness
from pacs.archive.answers import Streamed
from pacs.archive.decoded import Held
from pacs.archive.files import FileStore
from pacs.archive.index import Index
from pacs.archive.lookup import Instance
from pacs.archive.negotiation import ANY_SYNTAX, EXPLICIT
from pacs.archive.objects import ObjectEncoder, as_stored
from pacs.archive.parts import Part, multipart_response, single_response
from pacs.archive.transactions import transaction
from pacs.archive.wholeness import File
from pacs.attributes import JSONDataset
from pacs.rendering.request import CONTENT_TYPES
from pacs.retrieved import AS_STORED

_METADATA_AT_ONCE = 500
_DECODED_AT_ONCE = 2
_IN_SYNTAXES = tuple(f"{http.PARTS_OF_DICOM}; transfer-syntax={syntax}" for syntax in (EXPLICIT, ANY_SYNTAX))


class RetrieveService:
    """The Retrieve transaction over one archive."""

    def __init__(self, index: Index, files: FileStore, encoder: ObjectEncoder) -> None:
        self._index = index
        self._files = files
        self._encoder = encoder

    @transaction(produces=(http.PARTS_OF_DICOM, *_IN_SYNTAXES, http.DICOM))
    async def objects(self, request: Request) -> Response:
        """`GET` of a study, series or instance: every object in a part of its own, or one alone; see `negotiation`."""
        ranges = _dicom_ranges(request)
        instances = await self.find(request)
        if len(instances) > 1:
            ranges = [found for found in ranges if found.admits(http.MULTIPART)]
            if not ranges:
                raise HTTPException(406, f'these are several objects: accept {http.MULTIPART}; type="{http.DICOM}"')
        return await self.send(request, ranges, [(instance, self.path(instance)) for instance in instances])

    async def send(self, request: Request, ranges: Sequence[http.MediaRange], files: Sequence[File]) -> Response:
        """Files in the form that fits `ranges`, the best first: in parts, or one alone.

        206 with a `Warning` when some are missing or damaged (§10.4.3.1); `DamagedFile` when all are.
        """
        is_single = not ranges[0].admits(http.MULTIPART)
        asked, files = len(files), await asyncio.to_thread(wholeness.checked, files)
        if AS_STORED in request.headers.get("prefer", ""):
            parts = [as_stored(instance, path) for instance, path in files]
            headers = {"preference-applied": AS_STORED}
        else:
            accepted = [found.parameters.get("transfer-syntax") for found in ranges]
            parts = await self.parts(request, files, accepted)
            headers = {}
        if is_single:
            return single_response(parts[0], headers)
        lost = asked - len(files)
        sentence = f"{lost} of {asked} objects are missing or damaged, and left out"
        headers |= http.warning_header([sentence] if lost else [])
        return multipart_response(parts, http.DICOM, headers, 206 if lost else 200)

    async def parts(self, request: Request, files: Sequence[File], accepted: Sequence[str | None]) -> list[Part]:
        """The files as parts; 406 if one of them can be sent in none of the transfer syntaxes."""
        held = Held(request.is_disconnected)
        found: list[Part] = []
        for start in range(0, len(files), _DECODED_AT_ONCE):
            some = files[start : start + _DECODED_AT_ONCE]
            found += await asyncio.gather(*(self._encoder.part(one, path, accepted, held) for one, path in some))
        return found

    @transaction(produces=representations.MEDIA_TYPES)
    async def metadata(self, request: Request) -> Response:
        """`GET …/metadata`: all attributes but the bulk data, from the index alone."""
        media_type = representations.chosen(request)
        base = http.base_url(request)

        def begin(connection: sqlite3.Connection) -> tuple[list[Instance], list[bytes]]:
            found = lookup.find(connection, request.path_params)
            return found, lookup.metadata(connection, found[:_METADATA_AT_ONCE], base)

        instances, first = await self._index.read(begin)
        encoded = self._encoded(instances, first, base)
        if media_type == http.DICOM_XML:
            return multipart_response(_as_xml(encoded, instances), media_type)
        return Streamed(_listed(encoded), media_type=media_type)

    async def find(self, request: Request) -> list[Instance]:
        """The instances that the URL means; 404 when there are none."""
        return await self.find_by(request.path_params)

    async def find_by(self, uids: Mapping[str, Any]) -> list[Instance]:
        """The instances of a `study`, `series`, `instance`; 404 when there are none."""
        return await self._index.read(lambda connection: lookup.find(connection, uids))

    async def _encoded(
        self, instances: Sequence[Instance], first: list[bytes], base: str
    ) -> AsyncGenerator[list[bytes], None]:
        """Their metadata as DICOM JSON, some at once, of which the `first` are read already."""
        yield first
        for start in range(_METADATA_AT_ONCE, len(instances), _METADATA_AT_ONCE):
            some = list(instances[start : start + _METADATA_AT_ONCE])
            yield await self._index.read(partial(lookup.metadata, instances=some, base=base))

    async def dataset(self, instance: Instance) -> JSONDataset:
        """An instance's metadata."""
        (encoded,) = await self._index.read(partial(lookup.metadata, instances=[instance], base=http.ROOT))
        found: JSONDataset = orjson.loads(encoded)
        return found

    def path(self, instance: Instance) -> Path:
        """Where an instance's file lies."""
        return self._files.path(instance.study_instance_uid, instance.sop_instance_uid)


async def _listed(encoded: AsyncIterator[list[bytes]]) -> AsyncGenerator[bytes, None]:
    before = b"["
    async for some in encoded:
        yield before + b",".join(some)
        before = b","
    yield b"]"


def _as_xml(encoded: AsyncIterator[list[bytes]], instances: Sequence[Instance]) -> list[Part]:
    """A part for each of the instances; each takes the next of what comes when it is read, in order."""

    async def documents() -> AsyncGenerator[bytes, None]:
        async for some in encoded:
            for one in some:
                yield native_xml.encode(orjson.loads(one))

    source = documents()

    async def following() -> AsyncGenerator[bytes, None]:
        yield await anext(source)

    return [Part(http.DICOM_XML, None, following()) for _ in instances]


def _dicom_ranges(request: Request) -> list[http.MediaRange]:
    """What the client accepts of objects, the best first; 406 for nothing, 400 for objects or pictures (§8.7.5)."""
    ranges = http.media_ranges(request)
    names = {found.parameters.get("type", found.name) for found in ranges}
    if http.DICOM in names and any(found.name in CONTENT_TYPES for found in ranges):
        raise HTTPException(400, f"accept {http.DICOM} or pictures, not both")
    fitting = [found for found in ranges if found.admits_within(http.DICOM)]
    if not fitting:
        raise HTTPException(406, f'only {http.DICOM} is served here, as {http.MULTIPART}; type="{http.DICOM}"')
    return fitting

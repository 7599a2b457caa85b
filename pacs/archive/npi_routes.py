"""The Non-Patient Instance Service over HTTP (PS3.18 ch. 12): each resource with its transactions."""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs.archive import bulkdata, http, npi_search, npi_store, representations, wholeness
from pacs.archive.deleting import DeleteService, not_allowed
from pacs.archive.destinations import uid_of
from pacs.archive.files import FileStore, relative_path
from pacs.archive.frames import native_value
from pacs.archive.index import Index
from pacs.archive.metadata import absolute
from pacs.archive.npi import RESOURCES, Resource
from pacs.archive.npi_collection import Collection, url
from pacs.archive.npi_store import NonPatientInstance
from pacs.archive.representations import PARTS_OF_XML
from pacs.archive.resources import Handler, Table
from pacs.archive.search_parameters import SEARCH_PARAMETERS, parse_search
from pacs.archive.stow import Store
from pacs.archive.transactions import transaction
from pacs.archive.wado import RetrieveService


@dataclass(frozen=True, slots=True)
class Services:
    """What the transactions of studies are made of, and serves here too. Without `deleting` nothing is deleted."""

    index: Index
    files: FileStore
    store: Store
    retrieve: RetrieveService
    deleting: DeleteService | None


def routes(services: Services) -> list[BaseRoute]:
    """All resources, under the DICOMweb root."""
    found: list[BaseRoute] = []
    for resource in RESOURCES:
        service = _Service(resource, services)
        every = f"{http.ROOT}/{resource.name}"
        one = f"{every}/{{uid}}"
        table: Table = [
            ("GET", every, service.search),
            ("POST", every, service.store),
            ("GET", one, service.retrieve),
            ("POST", one, service.store),
            ("DELETE", one, _deletion(resource, services.deleting) if services.deleting else not_allowed),
            ("GET", f"{one}/bulkdata/{{path:path}}", service.bulk_data),
        ]
        found += [Route(path, handler, methods=[method]) for method, path, handler in table]
    return found


class _Service:
    """The transactions of one resource."""

    def __init__(self, resource: Resource, services: Services) -> None:
        self._resource = resource
        self._services = services

    @transaction(name="Store", consumes=(http.PARTS_OF_DICOM, http.DICOM), produces=(http.DICOM_JSON,))
    async def store(self, request: Request) -> Response:
        """§12.5, `POST` of a body in multipart/related or of one object alone; see `Store.take`."""
        return await self._services.store.take(request, Collection(self._resource, _uid(request)))

    @transaction(name="Search", produces=(*http.JSON_TYPES, PARTS_OF_XML), parameters=SEARCH_PARAMETERS)
    async def search(self, request: Request) -> Response:
        """§12.6: 200 with a list, which may be empty; 204 for an empty one in XML."""
        media_type = representations.chosen(request)
        asked = parse_search(request.url.query)
        base = http.base_url(request)
        found = await self._services.index.read(
            lambda connection: npi_search.run(connection, self._resource, asked, base)
        )
        return representations.answer(media_type, found, asked.warnings)

    @transaction(produces=(*http.JSON_TYPES, http.PARTS_OF_DICOM, http.DICOM, PARTS_OF_XML))
    async def retrieve(self, request: Request) -> Response:
        """§12.4, in the types of table 12.1.3-1: DICOM JSON, the default; the file, alone or in a part; DICOM XML."""
        media_type = representations.chosen(request, or_file=True)
        found = await self._find(request)
        if media_type == http.DICOM:
            ranges = [accepted for accepted in http.media_ranges(request) if accepted.admits_within(http.DICOM)]
            return await self._services.retrieve.send(request, ranges, [(found, self._path(found))])
        own = url(self._resource, found.sop_instance_uid, http.base_url(request))
        return representations.answer(media_type, [orjson.loads(absolute(found.metadata, own))])

    @transaction(produces=(http.OCTETS,))
    async def bulk_data(self, request: Request) -> Response:
        """`GET …/bulkdata/{path}`: the value that a `BulkDataURI` stands for."""
        found = await self._find(request)
        path = self._path(found)
        await asyncio.to_thread(wholeness.check, found, path)
        value = await asyncio.to_thread(bulkdata.find, path, request.path_params["path"])
        if value is None:
            raise HTTPException(404, "there is no such bulk data")
        if value.element.encapsulated:
            raise HTTPException(406, f"pixels of a {self._resource.title} can be had with the whole object only")
        return native_value(request, value)

    async def _find(self, request: Request) -> NonPatientInstance:
        uid = _uid(request) or ""
        return await self._services.index.read(lambda connection: _found(connection, self._resource, uid))

    def _path(self, found: NonPatientInstance) -> Path:
        return self._services.files.path(found.folder, found.sop_instance_uid)


def _deletion(resource: Resource, deleting: DeleteService) -> Handler:
    """`DELETE`, which the standard does not have: 204 or 404."""

    async def delete(request: Request) -> Response:
        uid = _uid(request) or ""

        def take_out(connection: sqlite3.Connection) -> list[str]:
            found = _found(connection, resource, uid)
            npi_store.delete(connection, uid)
            return [relative_path(found.folder, uid)]

        return await deleting.delete_what(take_out)

    return delete


def _found(connection: sqlite3.Connection, resource: Resource, uid: str) -> NonPatientInstance:
    found = npi_store.find(connection, resource, uid)
    if found is None:
        raise HTTPException(404, f"there is no such {resource.title}")
    return found


def _uid(request: Request) -> str | None:
    return uid_of(request, "uid", "SOPInstanceUID")

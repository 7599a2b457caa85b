"""The Non-Patient Instance Service over HTTP (PS3.18 ch. 12): each resource with its transactions."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs.archive import http, npi_search, npi_store
from pacs.archive.destinations import uid_of
from pacs.archive.index import Index
from pacs.archive.metadata import absolute
from pacs.archive.npi import RESOURCES, Resource
from pacs.archive.npi_collection import Collection, url
from pacs.archive.npi_store import NonPatientInstance
from pacs.archive.stow import Store

Handler = Callable[[Request], Awaitable[Response]]


def routes(store: Store, index: Index) -> list[BaseRoute]:
    """All resources, under the DICOMweb root."""
    found: list[BaseRoute] = []
    for resource in RESOURCES:
        service = _Service(resource, store, index)
        every = f"{http.ROOT}/{resource.name}"
        one = f"{every}/{{uid}}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", every, service.search),
            ("POST", every, service.store),
            ("GET", one, service.retrieve),
            ("POST", one, service.store),
        ]
        found += [Route(path, handler, methods=[method]) for method, path, handler in table]
    return found


class _Service:
    """The transactions of one resource."""

    def __init__(self, resource: Resource, store: Store, index: Index) -> None:
        self._resource = resource
        self._store = store
        self._index = index

    async def store(self, request: Request) -> Response:
        """§12.5, `POST` of a body in multipart/related or of one object alone; see `Store.take`."""
        return await self._store.take(request, Collection(self._resource, _uid(request)))

    async def search(self, request: Request) -> Response:
        """§12.6: 200 with a list, which may be empty."""
        http.require_json(request)
        asked = http.parse_search(request.url.query)
        base = http.base_url(request)
        found = await self._index.read(lambda connection: npi_search.run(connection, self._resource, asked, base))
        return http.dicom_json(found, warnings=asked.warnings)

    async def retrieve(self, request: Request) -> Response:
        """§12.4."""
        http.require_json(request)
        found = await self._find(request)
        own = url(self._resource, found.sop_instance_uid, http.base_url(request))
        return http.raw_json(b"[" + absolute(found.metadata, own) + b"]")

    async def _find(self, request: Request) -> NonPatientInstance:
        uid = _uid(request) or ""
        found = await self._index.read(lambda connection: npi_store.find(connection, self._resource, uid))
        if found is None:
            raise HTTPException(404, f"there is no such {self._resource.title}")
        return found


def _uid(request: Request) -> str | None:
    return uid_of(request, "uid", "SOPInstanceUID")

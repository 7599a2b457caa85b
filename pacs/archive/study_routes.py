"""The Studies Service over HTTP (PS3.18 ch. 10): each resource with its transactions."""

from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from pacs.archive.deleting import DeleteService, not_allowed
from pacs.archive.frames import FrameService
from pacs.archive.http import ROOT
from pacs.archive.pictures import PictureService
from pacs.archive.qido import SearchService
from pacs.archive.resources import Table
from pacs.archive.stow import Store
from pacs.archive.wado import RetrieveService

_STUDY = f"{ROOT}/studies/{{study}}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"


@dataclass(frozen=True, slots=True)
class Services:
    """Who answers. Without `deleting` nothing is deleted."""

    store: Store
    search: SearchService
    retrieve: RetrieveService
    frames: FrameService
    pictures: PictureService
    deleting: DeleteService | None


def routes(services: Services) -> list[BaseRoute]:
    """All resources, under the DICOMweb root."""
    table = (
        *_store_and_search(services.store, services.search),
        *_retrieve(services.retrieve, services.frames, services.pictures),
        *_delete(services.deleting),
    )
    return [Route(path, handler, methods=[method]) for method, path, handler in table]


def _store_and_search(store: Store, search: SearchService) -> Table:
    return [
        ("POST", f"{ROOT}/studies", store.post),
        ("POST", _STUDY, store.post),
        ("GET", f"{ROOT}/studies", search.studies),
        ("GET", f"{ROOT}/series", search.series),
        ("GET", f"{ROOT}/instances", search.instances),
        ("GET", f"{_STUDY}/series", search.series),
        ("GET", f"{_STUDY}/instances", search.instances),
        ("GET", f"{_SERIES}/instances", search.instances),
    ]


def _retrieve(retrieve: RetrieveService, frames: FrameService, pictures: PictureService) -> Table:
    levels = (_STUDY, _SERIES, _INSTANCE)
    shown = (*levels, f"{_INSTANCE}/frames/{{frames}}")
    return [
        *(("GET", resource, retrieve.objects) for resource in levels),
        *(("GET", f"{resource}/metadata", retrieve.metadata) for resource in levels),
        *(("GET", f"{resource}/rendered", pictures.rendered) for resource in shown),
        *(("GET", f"{resource}/thumbnail", pictures.thumbnail) for resource in shown),
        ("GET", f"{_INSTANCE}/frames/{{frames}}", frames.frames),
        ("GET", f"{_INSTANCE}/bulkdata/{{path:path}}", frames.bulk_data),
    ]


def _delete(service: DeleteService | None) -> Table:
    handler = service.delete if service else not_allowed
    return [("DELETE", resource, handler) for resource in (_STUDY, _SERIES, _INSTANCE)]

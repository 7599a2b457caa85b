"""The embedded PACS as an ASGI application: every route, and what opens and closes with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pacs.archive import ups_routes
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.http import ROOT
from pacs.archive.index import Index
from pacs.archive.lock import DataLock
from pacs.archive.notifier import Notifier
from pacs.archive.options import ArchiveOptions
from pacs.archive.qido import SearchService
from pacs.archive.stow import Store
from pacs.archive.wado import RetrieveService
from pacs.archive.worklist import Worklist
from pacs.errors import BadQuery

Handler = Callable[[Request], Awaitable[Response]]

_STUDY = f"{ROOT}/studies/{{study}}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"


def create_archive(options: ArchiveOptions, lock: DataLock | None = None) -> Starlette:
    """The archive of `options.data_dir`, with its services under `/dicom-web`.

    One process at a time may run it: its lifespan takes the folder's lock (`ArchiveLocked`), unless it is given one
    that is held.
    """
    held = lock or DataLock(options.data_dir)
    files = FileStore(options.data_dir)
    index = Index(options.data_dir)
    worklist = Worklist(options.data_dir / "worklist.sqlite")
    notifier = Notifier(index, options)
    filing = Filing(index, files, notifier.wake)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        held.acquire()
        index.open()
        files.open(filing.is_known)
        await worklist.open()
        notifier.start()
        try:
            yield
        finally:
            await notifier.stop()
            await worklist.close()
            files.close()
            index.close()
            held.release()

    return Starlette(
        routes=[*_studies_routes(index, files, filing), *ups_routes.routes(worklist)],
        lifespan=lifespan,
        exception_handlers={BadQuery: _bad_query},
    )


def _studies_routes(index: Index, files: FileStore, filing: Filing) -> list[BaseRoute]:
    store, search, retrieve = Store(filing, files), SearchService(index), RetrieveService(index, files)
    table: list[tuple[str, str, Handler]] = [
        ("POST", f"{ROOT}/studies", store.post),
        ("POST", _STUDY, store.post),
        ("GET", f"{ROOT}/studies", search.studies),
        ("GET", f"{ROOT}/series", search.series),
        ("GET", f"{ROOT}/instances", search.instances),
        ("GET", f"{_STUDY}/series", search.series),
        ("GET", f"{_STUDY}/instances", search.instances),
        ("GET", f"{_SERIES}/instances", search.instances),
        *(("GET", resource, retrieve.objects) for resource in (_STUDY, _SERIES, _INSTANCE)),
        *(("GET", f"{resource}/metadata", retrieve.metadata) for resource in (_STUDY, _SERIES, _INSTANCE)),
        ("GET", f"{_INSTANCE}/bulkdata/{{path:path}}", retrieve.bulk_data),
    ]
    return [Route(path, handler, methods=[method]) for method, path, handler in table]


async def _bad_query(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)

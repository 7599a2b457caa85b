"""The embedded PACS as an ASGI application: every route, and what opens and closes with it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pacs.archive import commitment_routes, npi_routes, study_routes, ups_routes
from pacs.archive.commitment import Commitments
from pacs.archive.decoded import FrameDecoder
from pacs.archive.deleting import DeleteService
from pacs.archive.faults import FAULTS, DamagedFile, DamagedIndex, report, usable
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.frames import FrameService
from pacs.archive.http import ROOT
from pacs.archive.index import Index
from pacs.archive.lock import DataLock
from pacs.archive.notifier import Notifier
from pacs.archive.objects import ObjectEncoder
from pacs.archive.options import ArchiveOptions
from pacs.archive.pictures import PictureService
from pacs.archive.qido import SearchService
from pacs.archive.resources import resources
from pacs.archive.stow import Store
from pacs.archive.wado import RetrieveService
from pacs.archive.wado_uri import UriService, uids_of
from pacs.archive.worklist import Worklist
from pacs.errors import BadQuery
from pacs.thumbnails import Renderer

_URI = "/wado"
_ROOTS = ("/", ROOT, f"{ROOT}/")
"""What has no methods of its own, and yet tells what the service can do (PS3.18 §8.9)."""


def create_archive(options: ArchiveOptions, lock: DataLock | None = None) -> Starlette:
    """The archive of `options.data_dir`, with its services under `/dicom-web`.

    One process at a time may run it: its lifespan takes the folder's lock (`ArchiveLocked`), unless it is given one
    that is held, and opens what is there (`ArchiveUnusable`).
    """
    held = lock or DataLock(options.data_dir)
    files = FileStore(options.data_dir)
    index = Index(options.data_dir)
    worklist = Worklist(options.data_dir / "worklist.sqlite")
    commitments = Commitments(options.data_dir / "commitments.sqlite", index, files)
    notifier = Notifier(index, options)
    filing = Filing(index, files, notifier.wake)
    store = Store(filing, files, takes_given=options.takes_given)
    deleting = DeleteService(index, files, filing) if options.allow_delete else None
    renderer = Renderer()
    decoder = FrameDecoder(renderer)
    retrieve = RetrieveService(index, files, ObjectEncoder(decoder))
    pictures = PictureService(retrieve, renderer)

    @asynccontextmanager
    async def network() -> AsyncIterator[None]:
        if options.dimse is None:
            yield
            return
        from pacs.archive.dimse.wiring import Parts, on_network  # noqa: PLC0415  takes long, and few have a network

        parts = Parts(
            options=options.dimse,
            index=index,
            files=files,
            filing=filing,
            worklist=worklist,
            commitments=commitments,
            renderer=renderer,
            prints=options.prints_dir or options.data_dir / "prints",
        )
        async with on_network(parts):
            yield

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            with usable(options.data_dir):
                held.acquire()
                opened.callback(held.release)
                index.open()
                opened.callback(index.close)
                files.open(filing.is_known)
                opened.callback(files.close)
                await worklist.open()
                opened.push_async_callback(worklist.close)
                await commitments.open()
                opened.push_async_callback(commitments.close)
            opened.push_async_callback(renderer.aclose)
            notifier.start()
            opened.push_async_callback(notifier.stop)
            await opened.enter_async_context(network())
            yield

    return Starlette(
        routes=resources(
            [
                *study_routes.routes(
                    study_routes.Services(
                        store, SearchService(index), retrieve, FrameService(retrieve, decoder), pictures, deleting
                    )
                ),
                Route(_URI, UriService(retrieve, pictures).get, methods=["GET"]),
                *npi_routes.routes(npi_routes.Services(index, files, store, retrieve, deleting)),
                *ups_routes.routes(worklist),
                *commitment_routes.routes(commitments),
            ],
            roots=_ROOTS,
        ),
        lifespan=lifespan,
        exception_handlers={
            BadQuery: _bad_query,
            **dict.fromkeys(FAULTS, _fault),
            **dict.fromkeys((DamagedFile, DamagedIndex), partial(_missing, retrieve)),
        },
    )


async def _fault(_: Request, error: Exception) -> Response:
    fault = report("archive_failed", error)
    return PlainTextResponse(fault.sentence, fault.status)


async def _missing(retrieve: RetrieveService, request: Request, error: Exception) -> Response:
    """404 for what was deleted since the request began: it is missing, and not lost."""
    try:
        if request.url.path == _URI:
            await retrieve.find_by(uids_of(request))
        elif "study" in request.path_params:
            await retrieve.find(request)
    except HTTPException as gone:
        return PlainTextResponse(gone.detail, gone.status_code)
    except FAULTS as another:
        error = another
    return await _fault(request, error)


async def _bad_query(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)

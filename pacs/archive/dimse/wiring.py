"""Which services the archive has on the DICOM network, and what each of them works with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs.archive.commitment import Commitments
from pacs.archive.dimse import npi_models
from pacs.archive.dimse.calls import Calls
from pacs.archive.dimse.commitment import commitment_service, reporter
from pacs.archive.dimse.find import find_service
from pacs.archive.dimse.get import get_service
from pacs.archive.dimse.move import move_service
from pacs.archive.dimse.mpps import mpps_retrieve_service, mpps_service
from pacs.archive.dimse.npi_find import npi_find_service
from pacs.archive.dimse.npi_models import MODELS
from pacs.archive.dimse.options import DimseOptions
from pacs.archive.dimse.printing.requests import print_service
from pacs.archive.dimse.sending import Sender
from pacs.archive.dimse.server import DimseServer
from pacs.archive.dimse.service import Caller, Service
from pacs.archive.dimse.store import store_service
from pacs.archive.dimse.verification import verification_service
from pacs.archive.dimse.worklist import worklist_service
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.index import Index
from pacs.archive.performed_steps import PerformedSteps
from pacs.archive.uncompressed import Decoder
from pacs.archive.worklist import Worklist
from pacs.thumbnails import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of the archive the services work with."""

    options: DimseOptions
    index: Index
    files: FileStore
    filing: Filing
    worklist: Worklist
    commitments: Commitments
    renderer: Renderer
    prints: Path


@asynccontextmanager
async def on_network(parts: Parts) -> AsyncIterator[None]:
    """The archive on the DICOM network, until the end of the block. `OSError` when it cannot be there."""
    calls = Calls(parts.options)
    server = _server(parts, calls, Caller(asyncio.get_running_loop()))
    await server.start()
    if parts.options.offers_images:
        await parts.commitments.report_by(reporter(calls))
    try:
        yield
    finally:
        await parts.commitments.report_by(None)
        await server.stop()


def _server(parts: Parts, calls: Calls, call: Caller) -> DimseServer:
    """The server with all its services, not started yet.

    `call` runs the archive's coroutines in the thread of an association.
    """
    steps = PerformedSteps(parts.worklist)
    always: tuple[Service, ...] = (
        verification_service(),
        worklist_service(parts.worklist, call),
        mpps_service(steps, call),
        mpps_retrieve_service(steps, call),
    )
    if not parts.options.offers_images:
        return DimseServer(parts.options, always)
    sender = Sender(parts.files, Decoder(parts.renderer, call).recoded)
    images = (
        find_service(parts.index, parts.options.ae_title, call),
        move_service(parts.index, sender, calls, call),
        get_service(parts.index, sender, call),
        *_of_no_patient(parts, sender, calls, call),
        commitment_service(parts.commitments, calls.peers, call),
        print_service(parts.prints),
    )
    store = store_service(parts.filing, parts.files, call)
    return DimseServer(parts.options, (*always, *images), store)


def _of_no_patient(parts: Parts, sender: Sender, calls: Calls, call: Caller) -> tuple[Service, ...]:
    """Query and retrieve of palettes, protocols, templates and inventories."""
    moves, gets = [model.move for model in MODELS], [model.get for model in MODELS]
    choose = npi_models.choose
    return (
        npi_find_service(parts.index, parts.options.ae_title, call),
        move_service(parts.index, sender, calls, call, models=moves, choose=choose),
        get_service(parts.index, sender, call, models=gets, choose=choose),
    )

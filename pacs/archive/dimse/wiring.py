"""Which services the archive has on the DICOM network, and what each of them works with."""

from dataclasses import dataclass
from pathlib import Path

from pacs.archive.commitment import Commitments
from pacs.archive.dimse import npi_models
from pacs.archive.dimse.calls import Calls
from pacs.archive.dimse.commitment import commitment_service
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
    """What services work with: the archive's own, and `call` to run its coroutines in the thread of an association."""

    options: DimseOptions
    index: Index
    files: FileStore
    filing: Filing
    worklist: Worklist
    commitments: Commitments
    renderer: Renderer
    call: Caller
    calls: Calls
    prints: Path


def open_server(parts: Parts) -> DimseServer:
    """The server with all its services, not started yet."""
    steps = PerformedSteps(parts.worklist)
    always: tuple[Service, ...] = (
        verification_service(),
        worklist_service(parts.worklist, parts.call),
        mpps_service(steps, parts.call),
        mpps_retrieve_service(steps, parts.call),
    )
    if not parts.options.offers_images:
        return DimseServer(parts.options, always)
    sender = Sender(parts.files, Decoder(parts.renderer, parts.call).recoded)
    images = (
        find_service(parts.index, parts.options.ae_title, parts.call),
        move_service(parts.index, sender, parts.calls, parts.call),
        get_service(parts.index, sender, parts.call),
        *_of_no_patient(parts, sender),
        commitment_service(parts.commitments, parts.calls.peers, parts.call),
        print_service(parts.prints),
    )
    store = store_service(parts.filing, parts.files, parts.call)
    return DimseServer(parts.options, (*always, *images), store)


def _of_no_patient(parts: Parts, sender: Sender) -> tuple[Service, ...]:
    """Query and retrieve of palettes, protocols, templates and inventories."""
    moves, gets = [model.move for model in MODELS], [model.get for model in MODELS]
    choose = npi_models.choose
    return (
        npi_find_service(parts.index, parts.options.ae_title, parts.call),
        move_service(parts.index, sender, parts.calls, parts.call, models=moves, choose=choose),
        get_service(parts.index, sender, parts.call, models=gets, choose=choose),
    )

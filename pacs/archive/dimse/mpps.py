"""Modality Performed Procedure Step (PS3.4 Annex F): what a modality performs, and how it ends."""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_CREATE, N_SET
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
)

from pacs.archive.dimse import datasets
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.dimse.statuses import status
from pacs.archive.faults import report
from pacs.archive.mpps_checks import MppsRefused, MppsStatus
from pacs.archive.performed_steps import PerformedSteps
from pacs.errors import BadDicom
from pacs.uids import new_uid

_SUCCESS, _SOME_NOT_SUPPORTED = 0x0000, 0x0001
_PROCESSING_FAILURE = 0x0110

Answer = tuple[int | Dataset, Dataset | None]
Handler = Callable[[Event], Answer]


def mpps_service(steps: PerformedSteps, call: Caller) -> Service:
    """Keeps what modalities report by N-CREATE and N-SET; success is told once it is on the disk."""

    def create(event: Event) -> Answer:
        request = cast(N_CREATE, event.request)
        _check_class(request.AffectedSOPClassUID)
        given = request.AffectedSOPInstanceUID
        uid = str(given or new_uid())
        call(steps.create(uid, datasets.received(event, "AttributeList")))
        answer = Dataset()
        if not given:
            answer.AffectedSOPInstanceUID = uid  # PS3.7 §10.1.5.1.4: who performs assigns it
        return _SUCCESS, answer

    def change(event: Event) -> Answer:
        call(steps.update(_requested(event), datasets.received(event, "ModificationList")))
        return _SUCCESS, None

    return Service(
        contexts=(Offered(abstract_syntax=ModalityPerformedProcedureStep),),
        handlers={evt.EVT_N_CREATE: _refusing(create), evt.EVT_N_SET: _refusing(change)},
    )


def mpps_retrieve_service(steps: PerformedSteps, call: Caller) -> Service:
    """Answers N-GET requests for the same steps (PS3.4 §F.8)."""

    def get(event: Event) -> Answer:
        step = call(steps.retrieve(_requested(event)))
        wanted = {f"{int(tag):08X}" for tag in event.attribute_identifiers}
        found = {tag: element for tag, element in step.items() if not wanted or tag in wanted}
        return _SUCCESS if wanted <= step.keys() else _SOME_NOT_SUPPORTED, datasets.write(found)

    return Service(
        contexts=(Offered(abstract_syntax=ModalityPerformedProcedureStepRetrieve),),
        handlers={evt.EVT_N_GET: _refusing(get)},
    )


def _requested(event: Event) -> str:
    request = cast(N_SET, event.request)  # an N-GET names what it wants alike
    _check_class(request.RequestedSOPClassUID)
    return str(request.RequestedSOPInstanceUID)


def _check_class(sop_class_uid: str | None) -> None:
    """A step is of one class, under whichever of the two it was asked for (PS3.4 §F.8.2)."""
    if sop_class_uid not in {ModalityPerformedProcedureStep, ModalityPerformedProcedureStepRetrieve}:
        raise MppsRefused(MppsStatus.NO_SUCH_SOP_CLASS, "it is no performed procedure step")


def _refusing(handler: Handler) -> Handler:
    """Turns what a handler raises into a status with its reason."""

    @wraps(handler)
    def answer(event: Event) -> Answer:
        try:
            return handler(event)
        except MppsRefused as refused:
            return status(refused.status, str(refused), error_id=refused.error_id, tags=refused.tags), None
        except BadDicom as error:
            return status(_PROCESSING_FAILURE, str(error)), None
        except (OSError, TimeoutError, sqlite3.Error) as error:
            return status(_PROCESSING_FAILURE, report("dimse_mpps_failed", error).sentence), None

    return answer

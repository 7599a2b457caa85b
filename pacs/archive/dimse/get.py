"""Retrieve by C-GET (PS3.4 §C.4.3): the objects come over the association that asked for them."""

from collections.abc import Iterator, Sequence
from functools import partial

from pynetdicom import evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelGet,
)

from pacs.archive.dimse.retrieval import CANCELLED, Progress
from pacs.archive.dimse.selection import Choose, NotSelected, of_patients, selected
from pacs.archive.dimse.sending import Sender
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.dimse.suboperations import Tally, message_ids, run
from pacs.archive.index import Index

_NOBODY = ("", 0)
_OF_PATIENTS = (PatientRootQueryRetrieveInformationModelGet, StudyRootQueryRetrieveInformationModelGet)


def get_service(
    index: Index,
    sender: Sender,
    call: Caller,
    *,
    models: Sequence[str] = _OF_PATIENTS,
    choose: Choose = of_patients,
) -> Service:
    """Answers C-GET requests in the information models `models`, whose identifiers `choose` reads."""

    def get(event: evt.Event) -> Iterator[Progress]:
        try:
            instances = selected(event, index, call, choose)
        except NotSelected as refusal:
            yield refusal.answer
            return
        tally = Tally(len(instances))
        send = partial(sender.send, event.assoc, origin=_NOBODY)
        for progress in run(
            instances, tally, send, message_ids(event.request.MessageID or 0), lambda: event.is_cancelled
        ):
            yield progress
            if progress.status == CANCELLED:
                return
        yield tally.end()

    return Service(contexts=tuple(Offered(abstract_syntax=model) for model in models), handlers={evt.EVT_C_GET: get})

"""Retrieve by C-MOVE (PS3.4 §C.4.2): the objects are sent to another application, which is a known peer."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import cast

from pynetdicom import evt
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs.archive.dimse.calls import MOST_CONTEXTS, Calls, PeerUnreachable
from pacs.archive.dimse.retrieval import (
    CANCELLED,
    NOT_PERFORMED,
    UNKNOWN_DESTINATION,
    Progress,
)
from pacs.archive.dimse.selection import Choose, NotSelected, of_patients, selected
from pacs.archive.dimse.sending import UNCOMPRESSED, Sendable, Sender
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.dimse.suboperations import Tally, message_ids, run
from pacs.archive.index import Index
from pacs.peers import Peer

_OF_PATIENTS = (PatientRootQueryRetrieveInformationModelMove, StudyRootQueryRetrieveInformationModelMove)


def move_service(
    index: Index,
    sender: Sender,
    calls: Calls,
    call: Caller,
    *,
    models: Sequence[str] = _OF_PATIENTS,
    choose: Choose = of_patients,
) -> Service:
    """Answers C-MOVE requests in the information models `models`, whose identifiers `choose` reads."""

    def move(event: evt.Event) -> Iterator[Progress]:
        peer = calls.peers.get(str(cast(C_MOVE, event.request).MoveDestination or "").strip())
        if peer is None:
            yield Progress(status=UNKNOWN_DESTINATION, comment="the move destination is no known peer")
            return
        try:
            instances = selected(event, index, call, choose)
        except NotSelected as refusal:
            yield refusal.answer
            return
        yield from _move(event, instances, calls, peer, sender)

    return Service(contexts=tuple(Offered(abstract_syntax=model) for model in models), handlers={evt.EVT_C_MOVE: move})


def _move(
    event: evt.Event, instances: Sequence[Sendable], calls: Calls, peer: Peer, sender: Sender
) -> Iterator[Progress]:
    """Sends the instances over as many associations as their presentation contexts need."""
    first = event.request.MessageID or 0
    ids, origin = message_ids(first), (str(event.assoc.requestor.ae_title), first)
    tally = Tally(len(instances))
    for contexts, portion in _portions(instances):
        try:
            association = calls.connect(peer, contexts)
        except PeerUnreachable as error:
            tally.fail(instances[len(instances) - tally.remaining :])
            yield tally.progress(NOT_PERFORMED, str(error))
            return
        with closing(association):
            send = partial(sender.send, association, origin=origin)
            for progress in run(portion, tally, send, ids, lambda: event.is_cancelled):
                yield progress
                if progress.status == CANCELLED:
                    return
    yield tally.end()


def _portions(instances: Sequence[Sendable]) -> Iterator[tuple[list[PresentationContext], list[Sendable]]]:
    """Instances with the contexts to propose for them, never more than one association can have."""
    contexts: dict[tuple[str, str], PresentationContext] = {}
    portion: list[Sendable] = []
    for instance in instances:
        new = {
            (instance.sop_class_uid, syntax): build_context(instance.sop_class_uid, syntax)
            for syntax in (instance.transfer_syntax_uid, *UNCOMPRESSED)
        }
        if len(contexts | new) > MOST_CONTEXTS:
            yield list(contexts.values()), portion
            contexts, portion = {}, []
        contexts |= new
        portion.append(instance)
    if portion:
        yield list(contexts.values()), portion

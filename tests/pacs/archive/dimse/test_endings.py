"""Associations that end while a service is at work, or take long: nothing is left of the first, the second go on."""

import asyncio
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_FIND_RQ, C_GET_RQ, C_MOVE_RQ, C_STORE_RQ, N_ACTION_RQ, N_CREATE_RQ, N_SET_RQ
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, C_STORE, N_ACTION, N_CREATE, N_SET
from pynetdicom.dsutils import encode
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicFilmSession,
    BasicGrayscaleImageBox,
    BasicGrayscalePrintManagementMeta,
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MOVE  # type: ignore[attr-defined]  # made at import

from pacs.peers import Peer
from tests.pacs.archive.dimse.modality import started
from tests.pacs.archive.dimse.network import Receiver, associated, dimse_threads, on_network, soon
from tests.pacs.archive.dimse.peer import dataset
from tests.pacs.archive.dimse.test_associations import works
from tests.pacs.archive.samples import instance

STUDY = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3.1"}
MESSAGES = {
    C_FIND: C_FIND_RQ,
    C_GET: C_GET_RQ,
    C_MOVE: C_MOVE_RQ,
    C_STORE: C_STORE_RQ,
    N_ACTION: N_ACTION_RQ,
    N_CREATE: N_CREATE_RQ,
    N_SET: N_SET_RQ,
}


def request(kind: Any, **values: Any) -> Any:
    made = kind()
    made.MessageID = 1
    if kind in {C_FIND, C_GET, C_MOVE, C_STORE}:
        made.Priority = 0
    for name, value in values.items():
        setattr(made, name, value)
    return made


def identifier(**values: Any) -> BytesIO:
    return BytesIO(encode(dataset(**values), False, True) or b"")


def find(model: str, **keys: Any) -> Any:
    return request(C_FIND, AffectedSOPClassUID=model, Identifier=identifier(**keys))


def print_request(kind: Any, sop_class: str, **values: Any) -> Any:
    who = "Affected" if kind is N_CREATE else "Requested"
    return request(kind, **{f"{who}SOPClassUID": sop_class, f"{who}SOPInstanceUID": "1.2.3.4"}, **values)


REQUESTS: dict[str, tuple[str, Any]] = {
    "store": (
        CTImageStorage,
        request(
            C_STORE,
            AffectedSOPClassUID=CTImageStorage,
            AffectedSOPInstanceUID="1.2.3.4",
            DataSet=identifier(PatientID="P1", TextValue="x" * 200_000),
        ),
    ),
    "find": (
        FIND,
        find(FIND, QueryRetrieveLevel="IMAGE", SOPInstanceUID=""),
    ),
    "get": (
        GET,
        request(C_GET, AffectedSOPClassUID=GET, Identifier=identifier(**STUDY)),
    ),
    "move": (
        MOVE,
        request(
            C_MOVE,
            AffectedSOPClassUID=MOVE,
            MoveDestination="RECEIVER",
            Identifier=identifier(**STUDY),
        ),
    ),
    "worklist": (ModalityWorklistInformationFind, find(ModalityWorklistInformationFind, PatientID="")),
    "performed step": (
        ModalityPerformedProcedureStep,
        request(
            N_CREATE,
            AffectedSOPClassUID=ModalityPerformedProcedureStep,
            AffectedSOPInstanceUID="1.2.3.4",
            AttributeList=identifier(**started()),
        ),
    ),
    "commitment": (
        StorageCommitmentPushModel,
        request(
            N_ACTION,
            RequestedSOPClassUID=StorageCommitmentPushModel,
            RequestedSOPInstanceUID=StorageCommitmentPushModelInstance,
            ActionTypeID=1,
            ActionInformation=identifier(
                TransactionUID="1.2.3.4",
                ReferencedSOPSequence=[{"ReferencedSOPClassUID": CTImageStorage, "ReferencedSOPInstanceUID": "1.2.3"}],
            ),
        ),
    ),
    "film session": (
        BasicGrayscalePrintManagementMeta,
        print_request(N_CREATE, BasicFilmSession, AttributeList=identifier(NumberOfCopies="1")),
    ),
    "film": (
        BasicGrayscalePrintManagementMeta,
        print_request(N_SET, BasicGrayscaleImageBox, ModificationList=identifier(TextValue="x" * 200_000)),
    ),
}
"""The abstract syntax of each service, and a request of it."""


def pdus(association: Association, abstract_syntax: str, asked: Any) -> Iterator[bytes]:
    """A request as its P-DATA-TF PDUs."""
    (context,) = (one for one in association.accepted_contexts if one.abstract_syntax == abstract_syntax)
    message = MESSAGES[type(asked)]()
    message.primitive_to_message(asked)
    for fragment in message.encode_msg(context.context_id or 0, 16_384):
        pdu = P_DATA_TF()
        pdu.from_primitive(fragment)
        yield pdu.encode()


def end_within(port: int, service: str, *, share: float, aborts: bool) -> None:
    """Sends so much of a request, then aborts, or just goes away."""
    abstract_syntax, asked = REQUESTS[service]
    contexts = {abstract_syntax: [ExplicitVRLittleEndian]}
    receives = None
    if asked.__class__ is C_GET:
        contexts[CTImageStorage] = [ExplicitVRLittleEndian]
        receives = Receiver().keep
    with associated(port, contexts, title="SCANNER", receives=receives) as association:
        assert association.dul.socket is not None
        sent = b"".join(pdus(association, abstract_syntax, asked))
        association.dul.socket.send(sent[: int(len(sent) * share)])
        if aborts:
            association.abort()
        else:
            association.dul.socket.close()


async def test_whoever_goes_away_within_any_service_leaves_nothing_behind(data_dir: Path) -> None:
    receiver = Receiver()
    peers = [Peer("RECEIVER", "127.0.0.1", receiver.port), Peer("SCANNER", "127.0.0.1", receiver.port)]
    async with on_network(data_dir, peers) as network:
        files = [instance(SOPInstanceUID=f"1.2.3.1.1.{number}", TextValue="x" * 20_000) for number in range(30)]
        assert (await network.web.store(*files)).status_code == 200
        with receiver.listening({CTImageStorage: [ExplicitVRLittleEndian]}):
            endings = [
                asyncio.to_thread(end_within, network.port, service, share=share, aborts=aborts)
                for service in REQUESTS
                for share, aborts in ((0.6, True), (1.0, True), (1.0, False))
            ]
            await asyncio.gather(*endings)
            await soon(lambda: dimse_threads() == ["dimse-listener"])

        assert network.leftovers == []
        assert len(await network.stored()) == len(files)
        assert await works(network)


async def test_whoever_waited_long_for_an_answer_may_go_on_asking(data_dir: Path) -> None:
    def take_long(_: Any) -> int:
        time.sleep(0.5)
        return 0x0000

    receiver = Receiver(take_long)
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)], network_seconds=0.4) as network:
        assert (await network.web.store(instance())).status_code == 200

        def move() -> list[int]:
            contexts = {MOVE: [ExplicitVRLittleEndian], Verification: [ExplicitVRLittleEndian]}
            with associated(network.port, contexts) as association:
                moved = [
                    int(status.Status) for status, _ in association.send_c_move(dataset(**STUDY), "RECEIVER", MOVE)
                ]
                time.sleep(0.1)
                return [moved[-1], int(association.send_c_echo().Status)]

        with receiver.listening({CTImageStorage: [ExplicitVRLittleEndian]}):
            assert await asyncio.to_thread(move) == [0x0000, 0x0000]


@pytest.mark.parametrize("model", [GET, MOVE])
async def test_a_retrieval_that_is_cancelled_ends_with_what_was_sent_and_what_was_not(
    data_dir: Path, model: str
) -> None:
    asking: list[Association] = []

    def cancel(_: Any) -> int:
        asking[0].send_c_cancel(7, query_model=model)
        time.sleep(0.1)
        return 0x0000

    receiver = Receiver(cancel)
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        files = [instance(SOPInstanceUID=f"1.2.3.1.1.{number}") for number in range(5)]
        assert (await network.web.store(*files)).status_code == 200

        def retrieve() -> Any:
            contexts = {model: [ExplicitVRLittleEndian], CTImageStorage: [ExplicitVRLittleEndian]}
            with associated(network.port, contexts, receives=receiver.keep) as association:
                asking.append(association)
                if model == GET:
                    answers = association.send_c_get(dataset(**STUDY), GET, msg_id=7)
                else:
                    answers = association.send_c_move(dataset(**STUDY), "RECEIVER", MOVE, msg_id=7)
                return [status for status, _ in answers][-1]

        with receiver.listening({CTImageStorage: [ExplicitVRLittleEndian]}):
            last = await asyncio.to_thread(retrieve)

    assert last.Status == 0xFE00
    assert last.NumberOfCompletedSuboperations == len(receiver.received) == 1
    assert last.NumberOfRemainingSuboperations == 4

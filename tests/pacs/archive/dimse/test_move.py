"""Retrieve to another application (C-MOVE)."""

import asyncio
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AllStoragePresentationContexts, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove  # type: ignore[attr-defined]  # made at import

from pacs.peers import Peer
from tests.pacs.archive.dimse import peer
from tests.pacs.archive.dimse.network import Network, Receiver, on_network
from tests.pacs.archive.dimse.retrieving import (
    EXPLICIT,
    NOT_PERFORMED,
    PENDING,
    SOME_FAILED,
    SUCCESS,
    UNKNOWN_DESTINATION,
    counts,
    have,
    small,
)

MOVE = StudyRootQueryRetrieveInformationModelMove


def move(port: int, destination: str, **keys: Any) -> list[tuple[Dataset, Dataset | None]]:
    with peer.associated(port, MOVE, ae_title="VIEWER") as association:
        return list(association.send_c_move(peer.dataset(**keys), destination, MOVE, msg_id=9))


STUDY_1 = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}


async def test_move_sends_to_a_peer_and_says_who_asked(data_dir: Path) -> None:
    receiver = Receiver()
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        await have(network, small(1), small(2))
        with receiver.listening(EXPLICIT):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert [one.SOPInstanceUID for one in receiver.received] == ["1.2.1.1", "1.2.1.2"]
    assert receiver.originators == [("VIEWER", 9), ("VIEWER", 9)]
    assert [status.Status for status, _ in answers] == [PENDING, PENDING, SUCCESS]
    assert counts(answers[-1][0]) == (2, 0, 0)


async def test_move_to_nobody_known_is_refused(network: Network) -> None:
    await have(network, small(1))

    answers = await asyncio.to_thread(move, network.port, "STRANGER", **STUDY_1)

    assert [status.Status for status, _ in answers] == [UNKNOWN_DESTINATION]


async def test_move_to_a_peer_that_does_not_listen_fails_as_a_whole(data_dir: Path) -> None:
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", Receiver().port)]) as network:
        await have(network, small(1), small(2))

        ((status, _),) = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert status.Status == NOT_PERFORMED
    assert counts(status) == (0, 2, 0)


async def test_a_destination_that_dies_midway_leaves_the_rest_failed(data_dir: Path) -> None:
    def die_at_the_second(event: evt.Event) -> int:
        if event.request.AffectedSOPInstanceUID == "1.2.1.2":  # type: ignore[union-attr]
            event.assoc.abort()
        return 0

    receiver = Receiver(die_at_the_second)
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        await have(network, *(small(number) for number in range(1, 5)))
        with receiver.listening(EXPLICIT):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

        status, identifier = answers[-1]
        assert status.Status == SOME_FAILED
        assert counts(status) == (1, 3, 0)
        assert identifier is not None
        assert list(identifier.FailedSOPInstanceUIDList) == ["1.2.1.2", "1.2.1.3", "1.2.1.4"]
        assert await network.stored() == {f"1.2.1.{number}" for number in range(1, 5)}


async def test_more_classes_than_one_association_has_contexts_are_sent_over_several(data_dir: Path) -> None:
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:60]]
    receiver = Receiver()
    async with on_network(data_dir, [Peer("RECEIVER", "127.0.0.1", receiver.port)]) as network:
        files = [small(number, SOPClassUID=one) for number, one in enumerate(classes, start=1)]
        assert (await network.web.store(*files)).status_code == 200
        with receiver.listening({one: [ImplicitVRLittleEndian] for one in classes}):
            answers = await asyncio.to_thread(move, network.port, "RECEIVER", **STUDY_1)

    assert answers[-1][0].Status == SUCCESS
    assert counts(answers[-1][0]) == (60, 0, 0)

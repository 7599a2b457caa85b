"""Large messages are few at a time, whoever sends them."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_SET
from pynetdicom.sop_class import BasicGrayscaleImageBox as IMAGE_BOX  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import BasicGrayscalePrintManagementMeta as META  # type: ignore[attr-defined]  # made at import

from pacs.archive.dimse import server
from pacs.archive.dimse.memory import LargeMessages
from tests.pacs.archive.dimse.films import gray_image, image_box
from tests.pacs.archive.dimse.network import associated, dimse_threads, on_network, soon
from tests.pacs.archive.dimse.test_associations import works
from tests.pacs.archive.dimse.test_endings import identifier, pdus, print_request

LARGE = image_box(gray_image(np.zeros((2200, 2000), dtype=np.uint8)))
NO_SUCH_INSTANCE = 0x0112


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LargeMessages", lambda: LargeMessages(1))


def sent(association: Association) -> int | None:
    """The status that a large image gets, or None for none."""
    status: Any = association.send_n_set(LARGE, IMAGE_BOX, "1.2.3", meta_uid=META)[0]
    code: int | None = status.get("Status")
    return code


async def test_large_messages_wait_for_each_other(data_dir: Path) -> None:
    async with on_network(data_dir) as network:

        def send_three() -> list[int | None]:
            with associated(network.port, {META: [ExplicitVRLittleEndian]}) as association:
                return [sent(association) for _ in range(3)]

        found = await asyncio.gather(*(asyncio.to_thread(send_three) for _ in range(3)))

        assert found == [[NO_SUCH_INSTANCE] * 3] * 3


async def test_whoever_waits_too_long_for_a_large_message_is_aborted_and_the_place_given_back(data_dir: Path) -> None:
    async with on_network(data_dir, network_seconds=0.6) as network:

        def occupy() -> tuple[int | None, int | None]:
            contexts = {META: [ExplicitVRLittleEndian]}
            with associated(network.port, contexts) as slow, associated(network.port, contexts) as waiting:
                dripping = threading.Thread(target=drip, args=(slow,))
                dripping.start()
                time.sleep(0.3)
                crowded = sent(waiting)
                dripping.join()
            with associated(network.port, contexts) as late:
                return crowded, sent(late)

        assert await asyncio.to_thread(occupy) == (None, NO_SUCH_INSTANCE)
        await soon(lambda: dimse_threads() == ["dimse-listener"])
        assert await works(network)


def drip(association: Association) -> None:
    """Sends most of a large message, then so little that it is not aborted for its silence, for more than a second."""
    request = print_request(N_SET, IMAGE_BOX, ModificationList=identifier(TextValue="x" * 4_400_000))
    *pieces, _ = pdus(association, META, request)
    connection = association.dul.socket
    assert connection is not None
    connection.send(b"".join(pieces[:-5]))
    for piece in pieces[-5:]:
        time.sleep(0.25)
        connection.send(piece)

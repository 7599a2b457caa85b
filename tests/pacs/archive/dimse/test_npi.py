"""Objects that belong to no patient on the DICOM network (PS3.4 Annex GG)."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ColorPaletteStorage, ExplicitVRLittleEndian, HangingProtocolStorage, ImplicitVRLittleEndian
from pynetdicom import evt

from pacs.archive.dimse import npi_find
from pacs.archive.dimse.npi_models import MODELS
from pacs.archive.verify import verify
from pacs.peers import Peer
from tests.pacs.archive.dimse.network import Network, Receiver, associated, on_network, store
from tests.pacs.archive.npi_samples import EVERY_KIND, color_palette, hanging_protocol, item
from tests.pacs.archive.samples import instance, wheel_file

DUPLICATE = 0x0111


async def test_every_kind_is_stored_and_found_over_the_web(network: Network) -> None:
    files = [file for kind in EVERY_KIND.values() for file in kind]
    assert await store(network, *files) == [0] * len(files)
    for name, kind in EVERY_KIND.items():
        assert len(await network.web.search(f"/{name}")) == len(kind)
    assert await network.stored() == set()


async def test_the_same_rules_hold_as_over_the_web(network: Network) -> None:
    palette = wheel_file("hotiron.dcm").read_bytes()
    other = hanging_protocol(HangingProtocolName="OTHER")
    image = instance(SOPInstanceUID="1.2.5.2")
    assert await store(network, palette, palette, hanging_protocol(), other, image) == [0, 0, 0, DUPLICATE, DUPLICATE]
    (found,) = await network.web.search("/color-palettes")
    assert found["00700080"]["Value"] == ["HOT_IRON"]


async def test_it_is_committed_as_any_object_is(network: Network) -> None:
    assert await store(network, color_palette()) == [0]
    item = {"00081150": {"vr": "UI", "Value": [ColorPaletteStorage]}, "00081155": {"vr": "UI", "Value": ["1.2.5.1"]}}
    answer = await network.web.client.post(
        f"{network.web.url}/commitment-requests/1.2.3",
        json={"00081199": {"vr": "SQ", "Value": [item]}},
        headers={"content-type": "application/dicom+json"},
    )
    assert answer.status_code == 200
    assert "00081198" not in answer.json()
    assert [one["00081155"]["Value"] for one in answer.json()["00081199"]["Value"]] == [["1.2.5.1"]]


async def test_what_came_over_the_network_is_whole_after_the_end(data_dir: Path) -> None:
    async with on_network(data_dir) as network:
        assert await store(network, color_palette(), instance()) == [0, 0]
    report = verify(data_dir)
    assert (report.instances, report.is_clean) == (2, True)


def asked(network: Network, model: str, **keys: Any) -> list[tuple[int, Dataset | None]]:
    """What a C-FIND with these keys is answered."""
    with associated(network.port, {model: [ImplicitVRLittleEndian]}) as association:
        return [(status.Status, found) for status, found in association.send_c_find(item(keys), model)]


def found(answers: list[tuple[int, Dataset | None]]) -> list[Dataset]:
    assert [status for status, _ in answers] == [0xFF00] * (len(answers) - 1) + [0]
    return [one for _, one in answers if one is not None]


async def test_each_kind_is_found_in_its_own_model(network: Network) -> None:
    files = [file for kind in EVERY_KIND.values() for file in kind]
    assert await store(network, *files) == [0] * len(files)

    def find_all() -> list[list[str]]:
        return [
            [one.SOPInstanceUID for one in found(asked(network, model.find, SOPInstanceUID=""))] for model in MODELS
        ]

    assert await asyncio.to_thread(find_all) == [[f"1.2.5.{number}"] for number in (1, 2, 3, 8, 4, 5, 6, 7)]


async def test_queries_match_and_answer_what_is_asked(network: Network) -> None:
    assert await store(network, hanging_protocol(), hanging_protocol(SOPInstanceUID="1.2.5.9", NumberOfScreens=1)) == [
        0,
        0,
    ]
    model = MODELS[1].find

    def find() -> None:
        (one,) = found(
            asked(
                network,
                model,
                HangingProtocolName="CHEST*",
                NumberOfScreens=2,
                HangingProtocolDefinitionSequence=[{"Modality": "DX", "Laterality": ""}],
                PartialDataDisplayHandling="",
                RetrieveAETitle="",
            )
        )
        assert (one.HangingProtocolName, one.PartialDataDisplayHandling, one.RetrieveAETitle) == (
            "CHEST2",
            "",
            "DICOMGRAPH",
        )
        assert [(item.Modality, item.Laterality) for item in one.HangingProtocolDefinitionSequence] == [
            ("CR", ""),
            ("DX", "L"),
        ]
        assert "SOPInstanceUID" not in one
        assert found(asked(network, model, HangingProtocolLevel="MANUFACTURER")) == []
        assert found(asked(network, model, SOPClassUID=ColorPaletteStorage)) == []
        (refused,) = asked(network, model, HangingProtocolDefinitionSequence=[{"Modality": "CR"}, {"Modality": "DX"}])
        assert refused[0] == 0xA900

    await asyncio.to_thread(find)


async def test_many_matches_come_in_several_reads_each_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npi_find, "_READ_AT_ONCE", 2)
    uids = [f"1.2.5.1.{number}" for number in range(4)]
    assert await store(network, *(color_palette(SOPInstanceUID=uid) for uid in uids)) == [0] * 4
    answers = await asyncio.to_thread(asked, network, MODELS[0].find, SOPInstanceUID="", ContentDescription="256*")
    assert [one.SOPInstanceUID for one in found(answers)] == uids


async def test_they_are_retrieved_by_their_uids(network: Network) -> None:
    assert await store(network, color_palette(), color_palette(SOPInstanceUID="1.2.5.9"), hanging_protocol()) == [
        0,
        0,
        0,
    ]
    received: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return 0

    def get(**keys: Any) -> tuple[int, int]:
        model = MODELS[0].get
        contexts = {model: [ImplicitVRLittleEndian], ColorPaletteStorage: [ExplicitVRLittleEndian]}
        with associated(network.port, contexts, receives=keep) as association:
            *_, (last, _) = association.send_c_get(item(keys), model)
            return last.Status, last.get("NumberOfCompletedSuboperations", 0)

    assert await asyncio.to_thread(get, SOPInstanceUID=["1.2.5.9", "1.2.5.1", "1.2.5.2"]) == (0, 2)
    assert [one.SOPInstanceUID for one in received] == ["1.2.5.1", "1.2.5.9"]
    assert received[0] == dcmread(BytesIO(color_palette()))
    assert (await asyncio.to_thread(get, ContentLabel="GRAYS"))[0] == 0xA900


async def test_they_are_moved_to_a_peer(data_dir: Path) -> None:
    receiver = Receiver()
    with receiver.listening({HangingProtocolStorage: [ExplicitVRLittleEndian]}):
        async with on_network(data_dir, [Peer("STATION", "127.0.0.1", receiver.port)]) as network:
            assert await store(network, hanging_protocol()) == [0]

            def move() -> int:
                model = MODELS[1].move
                with associated(network.port, {model: [ImplicitVRLittleEndian]}) as association:
                    answers = association.send_c_move(item({"SOPInstanceUID": "1.2.5.2"}), "STATION", model)
                    return int(list(answers)[-1][0].Status)

            assert await asyncio.to_thread(move) == 0
    assert [one.HangingProtocolName for one in receiver.received] == ["CHEST2"]

"""Objects that belong to no patient on the DICOM network (PS3.4 Annex GG)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydicom.uid import ColorPaletteStorage

from pacs.archive.verify import verify
from tests.pacs.archive.dimse.network import Network, on_network, store
from tests.pacs.archive.npi_samples import EVERY_KIND, color_palette, hanging_protocol
from tests.pacs.archive.samples import instance, wheel_file

DUPLICATE = 0x0111


@pytest.fixture
async def network(data_dir: Path) -> AsyncIterator[Network]:
    async with on_network(data_dir) as found:
        yield found


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

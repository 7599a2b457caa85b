"""In which encoding retrieved objects come: as stored where the receiver takes that, else uncompressed."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPIPHTJ2KReferenced,
)

from tests.pacs.archive.dimse.network import Network, Receiver
from tests.pacs.archive.dimse.retrieving import EXPLICIT, SOME_FAILED, counts, have, retrieve
from tests.pacs.archive.samples import compressed, dataset, encode, wheel_file, with_icon


@pytest.mark.parametrize("stored", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
@pytest.mark.parametrize("wanted", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
async def test_an_uncompressed_object_is_sent_in_the_encoding_that_the_receiver_takes(
    network: Network, stored: str, wanted: str
) -> None:
    file = wheel_file(stored).read_bytes()
    assert (await network.web.store(file)).status_code == 200
    (uid,) = await network.stored()
    found = (await network.web.search("/instances"))[0]
    contexts: dict[str, Sequence[str]] = {found["00080016"]["Value"][0]: [wanted]}
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve, network.port, receiver, contexts, QueryRetrieveLevel="IMAGE", SOPInstanceUID=uid
    )

    if wanted == ExplicitVRBigEndian and not stored.endswith("bigendian.dcm"):  # retired: nothing is made into it
        assert counts(answers[-1][0]) == (0, 1, 0)
        return
    (received,) = receiver.received
    assert received.file_meta.TransferSyntaxUID == wanted
    assert received.SOPInstanceUID == uid
    assert received.pixel_array.sum() == dcmread(wheel_file(stored)).pixel_array.sum()


async def test_a_compressed_object_is_sent_as_stored_to_those_who_take_it(network: Network) -> None:
    file = wheel_file("JPEG2000.dcm").read_bytes()
    assert (await network.web.store(file)).status_code == 200
    (uid,) = await network.stored()
    found = (await network.web.search("/instances"))[0]
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {found["00080016"]["Value"][0]: [JPEG2000, ExplicitVRLittleEndian]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=uid,
    )

    assert counts(answers[-1][0]) == (1, 0, 0)
    assert receiver.received[0].file_meta.TransferSyntaxUID == JPEG2000


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("JPEG2000.dcm", ExplicitVRLittleEndian),
        ("MR_small_RLE.dcm", ExplicitVRLittleEndian),
        ("MR_small_jp2klossless.dcm", ExplicitVRLittleEndian),
        ("MR_small_jpeg_ls_lossless.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_gdcm.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_rle_2frame.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_small_odd_jpeg.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_dcmtk.dcm", ExplicitVRLittleEndian),
        ("rtdose_rle.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_rle_2frame.dcm", ImplicitVRLittleEndian),
    ],
)
async def test_a_compressed_object_is_decoded_for_a_receiver_that_takes_no_better(
    network: Network, name: str, wanted: str
) -> None:
    original = dcmread(wheel_file(name))
    await have(network, wheel_file(name).read_bytes())
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {str(original.SOPClassUID): [wanted]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=str(original.SOPInstanceUID),
    )

    assert counts(answers[-1][0]) == (1, 0, 0)
    (received,) = receiver.received
    assert received.file_meta.TransferSyntaxUID == wanted
    assert received.pixel_array.shape == original.pixel_array.shape
    assert np.abs(received.pixel_array.astype(int) - original.pixel_array.astype(int)).max() <= 3
    assert received.get("NumberOfFrames") == original.get("NumberOfFrames")


async def test_a_compressed_object_that_cannot_be_decoded_is_a_failed_suboperation(network: Network) -> None:
    original = dcmread(wheel_file("JPEG2000.dcm"))
    original.PixelData = encapsulate([b"no codestream at all" * 50])
    await have(network, encode(original))
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve,
        network.port,
        receiver,
        {str(original.SOPClassUID): [ExplicitVRLittleEndian]},
        QueryRetrieveLevel="IMAGE",
        SOPInstanceUID=str(original.SOPInstanceUID),
    )

    assert answers[-1][0].Status == SOME_FAILED
    assert counts(answers[-1][0]) == (0, 1, 0)


async def test_a_compressed_object_without_pixels_is_recoded(network: Network) -> None:
    await have(network, compressed(SOPInstanceUID="1.2.1.1", ContentLabel="NOTHING"))
    receiver = Receiver()

    answers = await asyncio.to_thread(
        retrieve, network.port, receiver, EXPLICIT, QueryRetrieveLevel="IMAGE", SOPInstanceUID="1.2.1.1"
    )

    assert counts(answers[-1][0]) == (1, 0, 0)
    (received,) = receiver.received
    assert (received.file_meta.TransferSyntaxUID, received.ContentLabel) == (ExplicitVRLittleEndian, "NOTHING")


async def test_what_would_keep_compressed_pixels_is_not_sent_as_uncompressed(network: Network) -> None:
    elsewhere = dataset(SOPInstanceUID="1.2.1.2", PixelDataProviderURL="https://pixels.example/1")
    elsewhere.file_meta.TransferSyntaxUID = JPIPHTJ2KReferenced
    icon = with_icon("MR_small_RLE.dcm")
    await have(network, encode(elsewhere), encode(icon))
    uids = [str(icon.SOPInstanceUID), "1.2.1.2"]
    contexts: dict[str, Sequence[str]] = {str(icon.SOPClassUID): [ExplicitVRLittleEndian], **EXPLICIT}

    answers = await asyncio.to_thread(
        retrieve, network.port, Receiver(), contexts, QueryRetrieveLevel="IMAGE", SOPInstanceUID=uids
    )

    assert counts(answers[-1][0]) == (0, 2, 0)

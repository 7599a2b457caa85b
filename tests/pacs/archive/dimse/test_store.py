"""Store on the DICOM network, against pynetdicom as the modality."""

import asyncio
import errno
import struct
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    ColorPaletteStorage,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicGrayscalePrintManagementMeta,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs.archive.incoming import Incoming
from pacs.file_meta import read_meta
from tests.pacs.archive.dimse.network import Network, associated, on_network, send, soon, store
from tests.pacs.archive.samples import dataset, instance, wheel_file
from tests.requestor import requestor

DUPLICATE, OUT_OF_RESOURCES, DOES_NOT_MATCH, CANNOT_UNDERSTAND = 0x0111, 0xA700, 0xA900, 0xC000


def dataset_bytes(file: bytes) -> bytes:
    return file[read_meta(BytesIO(file), len(file)).dataset_offset :]


def stored_file(network: Network) -> bytes:
    (path,) = (network.data_dir / "files").rglob("*.dcm")
    return path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
        "JPEG2000.dcm",
        "reportsi.dcm",
    ],
)
async def test_an_object_is_stored_byte_by_byte_as_it_was_sent(network: Network, name: str) -> None:
    file = wheel_file(name)
    sent = []

    def send_raw() -> int:
        from pynetdicom import _config

        found = dcmread(file, stop_before_pixels=True)
        syntax = str(found.file_meta.TransferSyntaxUID)
        with associated(network.port, {str(found.SOPClassUID): [syntax]}) as association:
            assert [str(one.transfer_syntax[0]) for one in association.accepted_contexts] == [syntax]
            sent.append(dataset_bytes(file.read_bytes()))
            _config.STORE_SEND_CHUNKED_DATASET = True  # sends the file's bytes, not pydicom's idea of them
            try:
                return int(association.send_c_store(file).Status)
            finally:
                _config.STORE_SEND_CHUNKED_DATASET = False

    assert await asyncio.to_thread(send_raw) == 0
    assert dataset_bytes(stored_file(network)) == sent[0]


async def test_the_file_names_its_sender_and_passes_as_one(network: Network) -> None:
    assert await store(network, instance(), title="SCANNER-1") == [0]

    found = dcmread(BytesIO(stored_file(network)))

    assert found.file_meta.SourceApplicationEntityTitle == "SCANNER-1"
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.PatientName == "Rossi^Maria"


async def test_an_object_of_a_private_class_is_stored(network: Network) -> None:
    assert await store(network, instance(SOPClassUID="1.3.6.1.4.1.99999.1.2")) == [0]
    assert await network.stored() == {"1.2.3.1.1.1"}


async def test_the_same_object_again_is_success_and_another_of_its_name_is_not(network: Network) -> None:
    first, same, other = instance(), instance(), instance(ImageComments="changed")

    assert await store(network, first, same, other) == [0, 0, DUPLICATE]


async def test_an_object_of_another_patient_in_the_same_study_is_refused(network: Network) -> None:
    other = instance(SOPInstanceUID="1.2.3.1.1.2", PatientID="P2")

    assert await store(network, instance(), other) == [0, DOES_NOT_MATCH]


async def test_the_same_object_over_the_web_and_the_network_is_one(network: Network) -> None:
    assert (await network.web.store(instance())).status_code == 200
    assert await store(network, instance(), instance(ImageComments="changed")) == [0, DUPLICATE]


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID"])
async def test_an_object_that_cannot_be_filed_is_refused_with_the_reason(network: Network, missing: str) -> None:
    (answer,) = await asyncio.to_thread(send, network.port, instance(**{missing: None}))

    assert answer.Status == CANNOT_UNDERSTAND
    assert missing in answer.ErrorComment


async def test_an_object_of_another_class_than_the_request_names_is_refused(network: Network) -> None:
    def lie() -> int:
        made = dataset()
        with associated(network.port, {MRImageStorage: [ExplicitVRLittleEndian]}) as association:
            made.SOPClassUID = MRImageStorage
            request = association._get_valid_context  # the context is found by the class of the dataset…
            association._get_valid_context = lambda *a, **k: request(MRImageStorage, "", "scu")  # type: ignore[method-assign]
            made.SOPClassUID = CTImageStorage  # …which is another one by now
            return int(association.send_c_store(made).Status)

    assert await asyncio.to_thread(lie) == 0x0122
    assert await network.stored() == set()


async def test_a_full_disk_is_told_and_hurts_nobody_else(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Incoming._write

    def full(self: Incoming, block: bytes | bytearray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Incoming, "_write", full)
    assert await store(network, instance(), instance(EncapsulatedDocument=bytes(3_000_000))) == [OUT_OF_RESOURCES] * 2
    assert await network.stored() == set()
    monkeypatch.setattr(Incoming, "_write", write)
    assert await store(network, instance()) == [0]


async def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(network: Network) -> None:
    def break_off() -> None:
        with associated(network.port, {CTImageStorage: [ImplicitVRLittleEndian]}) as association:
            context = association.accepted_contexts[0].context_id or 0
            connection = association.dul.socket
            assert connection is not None
            connection.send(store_command(context) + pdata(context, 0, bytes(100_000)))
            connection.close()

    await asyncio.to_thread(break_off)
    await soon(lambda: network.leftovers == [])
    assert await network.stored() == set()


async def test_an_abort_in_the_middle_leaves_nothing(network: Network) -> None:
    def abort() -> None:
        with associated(network.port, {CTImageStorage: [ImplicitVRLittleEndian]}) as association:
            context = association.accepted_contexts[0].context_id or 0
            connection = association.dul.socket
            assert connection is not None
            connection.send(store_command(context) + pdata(context, 0, bytes(100_000)))
            association.abort()

    await asyncio.to_thread(abort)
    await soon(lambda: network.leftovers == [])


async def test_without_images_only_the_other_services_are_offered(data_dir: Path) -> None:
    of_images = {
        CTImageStorage,
        ColorPaletteStorage,
        PatientRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelMove,
        StudyRootQueryRetrieveInformationModelGet,
        StorageCommitmentPushModel,
        BasicGrayscalePrintManagementMeta,
    }
    others = {
        Verification,
        ModalityWorklistInformationFind,
        ModalityPerformedProcedureStep,
        ModalityPerformedProcedureStepRetrieve,
    }
    async with on_network(data_dir, offers_images=False) as network:

        def accepted() -> set[str]:
            wanted = {syntax: [ImplicitVRLittleEndian] for syntax in (*of_images, *others)}
            with associated(network.port, wanted) as association:
                return {str(one.abstract_syntax) for one in association.accepted_contexts}

        assert await asyncio.to_thread(accepted) == others


@pytest.mark.parametrize(
    "proposed",
    [
        [ImplicitVRLittleEndian, ExplicitVRLittleEndian],
        [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian],
    ],
)
async def test_explicit_vr_is_preferred(network: Network, proposed: list[str]) -> None:
    from pynetdicom import build_context

    def chosen() -> str:
        association = requestor("TESTER").associate(
            "127.0.0.1", network.port, [build_context(CTImageStorage, proposed)]
        )
        syntax = str(association.accepted_contexts[0].transfer_syntax[0])
        association.release()
        return syntax

    assert await asyncio.to_thread(chosen) == ExplicitVRLittleEndian


def pdata(context: int, control: int, data: bytes) -> bytes:
    """A P-DATA-TF PDU of one fragment (PS3.8 §9.3.5)."""
    item = struct.pack(">LBB", len(data) + 2, context, control) + data
    return struct.pack(">BBL", 4, 0, len(item)) + item


def store_command(context: int) -> bytes:
    """A C-STORE-RQ that promises a dataset, in one P-DATA-TF PDU."""
    return _command(context, CTImageStorage, 0x0001, {0x1000: b"1.2.3.4\0"})


def get_command(context: int) -> bytes:
    """A C-GET-RQ in the same way."""
    return _command(context, StudyRootQueryRetrieveInformationModelGet, 0x0010, {})


def _command(context: int, sop_class: str, field: int, more: dict[int, bytes]) -> bytes:
    elements = {
        0x0002: sop_class.encode() + b"\0" * (len(sop_class) % 2),
        0x0100: struct.pack("<H", field),
        0x0110: struct.pack("<H", 1),
        0x0700: struct.pack("<H", 0),
        0x0800: struct.pack("<H", 1),
        **more,
    }
    body = b"".join(struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in elements.items())
    return pdata(context, 3, struct.pack("<HHLL", 0, 0, 4, len(body)) + body)

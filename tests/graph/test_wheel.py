"""Every file of the pydicom wheel through GraphQL: stored, found and read back as it was, or refused for a reason."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pydicom
import pytest

from graph.archive_process import running_archive
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.samples import wheel_files

_NO_PART_10 = "no DICOM file: 'DICM' is not at byte 128"
_DICOMDIR = "a DICOMDIR is a directory of files"
_OTHER_UID = "MediaStorageSOPInstanceUID (0002,0003) is not the SOPInstanceUID"
REFUSED = {
    "DICOMDIR": _DICOMDIR,
    "DICOMDIR-bigEnd": _DICOMDIR,
    "DICOMDIR-empty.dcm": _DICOMDIR,
    "DICOMDIR-implicit": _DICOMDIR,
    "DICOMDIR-nooffset": _DICOMDIR,
    "DICOMDIR-nopatient": _DICOMDIR,
    "DICOMDIR-reordered": _DICOMDIR,
    "ExplVR_BigEndNoMeta.dcm": _NO_PART_10,
    "ExplVR_LitEndNoMeta.dcm": _NO_PART_10,
    "JPEGLSNearLossless_08.dcm": "StudyInstanceUID (0020,000D) is missing",
    "JPEGLSNearLossless_16.dcm": "StudyInstanceUID (0020,000D) is missing",
    "MR_truncated.dcm": "truncated: (7FE0,0010)",
    "README": _NO_PART_10,
    "README.txt": _NO_PART_10,
    "SC_rgb_jls_lossy_line.dcm": "StudyInstanceUID (0020,000D) is missing",
    "SC_rgb_jls_lossy_sample.dcm": "StudyInstanceUID (0020,000D) is missing",
    "SC_rgb_jpeg.dcm": "(0008,0008) at byte 356 has no value representation",
    "UN_sequence.dcm": "SOPClassUID (0008,0016) is missing",
    "badVR.dcm": _OTHER_UID,
    "crayons.icc": _NO_PART_10,
    "empty_charset_LEI.dcm": "SOPClassUID (0008,0016) is missing",
    "meta_missing_tsyntax.dcm": "TransferSyntaxUID (0002,0010) is missing",
    "nested_priv_SQ.dcm": "(0001,0001) at byte 228 is no element of a dataset",
    "no_meta.dcm": _NO_PART_10,
    "no_meta_group_length.dcm": "SOPClassUID (0008,0016) is missing",
    "priv_SQ.dcm": "SOPClassUID (0008,0016) is missing",
    "rtdose.dcm": _OTHER_UID,
    "rtdose_1frame.dcm": _OTHER_UID,
    "rtdose_expb.dcm": _OTHER_UID,
    "rtdose_expb_1frame.dcm": _OTHER_UID,
    "rtplan.dcm": _OTHER_UID,
    "rtplan.dump": _NO_PART_10,
    "rtplan_truncated.dcm": "truncated: (FFFE,E000)",
    "rtstruct.dcm": _NO_PART_10,
    "rtstruct.dump": _NO_PART_10,
    "test1.json": _NO_PART_10,
    "test_PN.json": _NO_PART_10,
    "zipMR.gz": _NO_PART_10,
}


class Hospital:
    """A server with an archive of its own, whose studies can be deleted again: many files share their UIDs."""

    def __init__(self, api: Api, archive: httpx.AsyncClient) -> None:
        self.api = api
        self._archive = archive

    async def forget(self, study: str) -> None:
        response = await self._archive.delete(f"/dicom-web/studies/{study}")
        assert response.is_success, response.text


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    arguments = ["--data-dir", str(tmp_path / "archive"), "--allow-delete"]
    with running_archive(arguments, dict(os.environ)) as socket:
        settings = Settings(_env_file=None, data_dir=tmp_path / "data", archive_socket=socket)
        async with (
            serving(settings) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
            httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(uds=str(socket)), base_url="http://archive"
            ) as archive,
        ):
            yield Hospital(Api(client), archive)


async def stored(hospital: Hospital, path: Path) -> str | None:
    """Uploads a file; checks that it is found and comes back as it was. Says why where it was refused."""
    (result,) = await hospital.api.upload(path)
    if result["error"]:
        assert result["error"]["code"] in ("NOT_DICOM", "INVALID_DICOM")
        return str(result["error"]["message"])
    instance = result["instance"]
    assert (await hospital.api.http.get(instance["fileURL"])).content == path.read_bytes(), path.name
    patient_id = patient_of(path)
    if patient_id:
        data = await hospital.api.ask(
            """query ($p: String!, $st: UID!, $se: UID!, $so: UID!) {
                studies(patientID: $p) { nodes { studyInstanceUID } }
                instance(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se, sopInstanceUID: $so) { dicom }
            }""",
            p=patient_id,
            st=instance["studyInstanceUID"],
            se=instance["seriesInstanceUID"],
            so=instance["sopInstanceUID"],
        )
        assert data["studies"]["nodes"] == [{"studyInstanceUID": instance["studyInstanceUID"]}], path.name
        assert data["instance"]["dicom"]["00080018"]["Value"] == [instance["sopInstanceUID"]], path.name
    await hospital.forget(instance["studyInstanceUID"])
    return None


def patient_of(path: Path) -> str:
    dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
    return str(dataset.get("PatientID", "") or "").strip()


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
async def test_every_file_of_the_wheel_is_stored_or_refused_for_a_reason(hospital: Hospital) -> None:
    files = wheel_files()
    reasons = {path: await stored(hospital, path) for path in files}

    refused = {path.name: reason for path, reason in reasons.items() if reason}
    assert refused.keys() == REFUSED.keys()
    wrong = {name: reason for name, reason in refused.items() if not reason.startswith(REFUSED[name])}
    assert wrong == {}
    accepted = sum(reason is None for reason in reasons.values())
    sys.stdout.write(f"{accepted} of {len(files)} files stored and read back, {len(files) - accepted} refused\n")
    assert accepted >= 130

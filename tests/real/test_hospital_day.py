"""A day at a hospital: order → worklist → MPPS → images → commitment → MPPS end → event → subscriber → viewer link."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pacs.uids import new_uid
from tests.graph.api import Api, subscribe
from tests.graph.schema.test_workitems import CREATE, FULL
from tests.graph.viewer_links import created
from tests.pacs.archive.dimse.modality import Modality, ended, started
from tests.real.scanner import Scanner, dcmtk, listed
from tests.real.server import ServerProcess, free_port
from tests.samples import Exam

CT = "1.2.840.10008.5.1.4.1.1.2"
EXAM = "subscription ($patient: String) { newExam(patientID: $patient) { studyInstanceUID patientID } }"
WORKITEM = """query ($uid: UID!) { workitem(studyInstanceUID: $uid) {
  state study { studyInstanceUID numberOfInstances: numberOfStudyRelatedInstances } } }"""


@dataclass(frozen=True)
class Hospital:
    """A server, and the scanner that it knows."""

    server: ServerProcess
    dicom_port: int
    scanner: Scanner
    modality: Modality


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    port, modality = free_port(), Modality()
    with modality.listening():
        server = ServerProcess(
            tmp_path,
            DIMSE_PORT=str(port),
            DIMSE_PEERS=f"NGV=127.0.0.1:{modality.port}",
            STABLE_AGE_SECONDS="0.5",
        )
        server.start()
        yield Hospital(server, port, Scanner(port, "NGV"), modality)
        server.stop()


@pytest.fixture
async def api(hospital: Hospital) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=hospital.server.url, timeout=30) as client:
        yield Api(client)


async def state(api: Api, study: str) -> str:
    found: str = (await api.ask(WORKITEM, uid=study))["workitem"]["state"]
    return found


async def test_a_day_at_a_hospital(hospital: Hospital, api: Api, tmp_path: Path) -> None:
    scanner, patient = hospital.scanner, f"P{new_uid()[-12:]}"
    async with subscribe(hospital.server.url, EXAM, patient=patient) as workstation:
        # The desk orders an examination; the scanner finds it on its list, under its own title.
        order = await api.ask(CREATE, input=FULL | {"patientID": patient, "scheduledProcedureStepID": None})
        study = order["createWorkitem"]["workitem"]["studyInstanceUID"]
        keys = (f"PatientID={patient}", "PatientName", "AccessionNumber", "StudyInstanceUID")
        (entry,) = await listed(hospital.dicom_port, *keys, "0040,0100[0].0040,0001=NGV", "0040,0100[0].0040,0009")
        assert (entry.StudyInstanceUID, entry.AccessionNumber) == (study, FULL["accessionNumber"])

        # It begins, and the desk sees that.
        mpps, step_id = new_uid(), entry.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID
        scheduled = {"StudyInstanceUID": study, "ScheduledProcedureStepID": step_id}
        begun = started(PatientID=patient, ScheduledStepAttributesSequence=[scheduled])
        assert await scanner.begins(mpps, **begun) == 0x0000
        assert await state(api, study) == "IN_PROGRESS"

        # It sends its images, and asks whether it may delete them.
        exam = Exam(patient, study, {"AccessionNumber": entry.AccessionNumber, "SpecificCharacterSet": "ISO_IR 192"})
        series = new_uid()
        images = [exam.image(series, PatientName=str(entry.PatientName), InstanceNumber=n) for n in (1, 2, 3)]
        for number, image in enumerate(images):
            (tmp_path / f"{number}.dcm").write_bytes(image.content)
        files = [str(tmp_path / f"{number}.dcm") for number in range(len(images))]
        called = ("-aet", "NGV", "-aec", "DICOMGRAPH", "127.0.0.1", str(hospital.dicom_port))
        sent = await asyncio.to_thread(dcmtk, "storescu", *called, *files)
        assert sent.returncode == 0, sent.stderr
        references = [{"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": image.instance} for image in images]
        transaction = new_uid()
        assert await scanner.asks(transaction, *references) == 0x0000
        report = await hospital.modality.next()
        assert (report.event_type, report.information.TransactionUID) == (1, transaction)
        assert len(report.information.ReferencedSOPSequence) == len(images)

        # It is done: the desk sees that as well, and the list is empty.
        performed = {"SeriesInstanceUID": series, "ProtocolName": "HEAD", "ReferencedImageSequence": references}
        assert await scanner.ends(mpps, **ended(PerformedSeriesSequence=[performed])) == 0x0000
        assert await state(api, study) == "COMPLETED"
        assert await listed(hospital.dicom_port, f"PatientID={patient}") == []

        # The workstation hears of the exam.
        assert (await workstation.next())["newExam"] == {"studyInstanceUID": study, "patientID": patient}

    # The physician opens it in the viewer.
    found = (await api.ask(WORKITEM, uid=study))["workitem"]["study"]
    assert found == {"studyInstanceUID": study, "numberOfInstances": len(images)}
    link = await created(api, study)
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as browser:
        page = await browser.get(link["url"])
        shown = await browser.get(str(page.url.join("/viewer/dicomweb/")) + f"studies/{study}/instances")
    assert page.status_code == 200
    assert "html" in page.headers["content-type"]
    assert {one["00080018"]["Value"][0] for one in shown.json()} == {image.instance for image in images}

"""Scanners and their worklist, MPPS and storage commitment, on a server as a person runs it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.graph.schema.test_workitems import CREATE, DELETE, FULL
from tests.pacs.archive.dimse.modality import Modality, ended, started
from tests.real.orthanc import Orthanc, orthanc
from tests.real.scanner import Scanner, dcmtk, listed
from tests.real.server import ServerProcess, free_port
from tests.samples import Exam, Sample

CT = "1.2.840.10008.5.1.4.1.1.2"
STATE = "query ($uid: UID!) { workitem(studyInstanceUID: $uid) { state } }"


@dataclass(frozen=True)
class Site:
    """A server, a scanner that it knows, and an Orthanc that each knows the other."""

    server: ServerProcess
    port: int
    scanner: Scanner
    modality: Modality
    orthanc: Orthanc


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port, modality = free_port(), Modality()
    graph = {"graph": ["DICOMGRAPH", "127.0.0.1", port]}
    with modality.listening(), orthanc(folder, DicomModalities=graph, DicomAet="ORTHANC") as running:
        peers = f"SCANNER=127.0.0.1:{modality.port},ORTHANC=127.0.0.1:{running.dicom_port}"
        server = ServerProcess(folder, DIMSE_PORT=str(port), DIMSE_PEERS=peers)
        server.start()
        yield Site(server, port, Scanner(port), modality, running)
        server.stop()


@pytest.fixture
async def api(site: Site) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=site.server.url, timeout=30) as client:
        yield Api(client)


async def order(api: Api, **changes: Any) -> dict[str, Any]:
    """A workitem of a new patient and study."""
    given = FULL | {"patientID": f"P{new_uid()[-12:]}", "studyInstanceUID": new_uid()} | changes
    workitem: dict[str, Any] = (await api.ask(CREATE, input=given))["createWorkitem"]["workitem"]
    return workitem


async def state(api: Api, study: str) -> str:
    found: str = (await api.ask(STATE, uid=study))["workitem"]["state"]
    return found


async def stored(api: Api) -> Sample:
    image = Exam().image()
    (result,) = await api.upload(image.content)
    assert result["error"] is None
    return image


def reference(instance: str) -> dict[str, str]:
    return {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": instance}


@pytest.mark.cell("Worklist", "dcmtk")
async def test_findscu_lists_an_order_at_once_and_loses_it_at_once(site: Site, api: Api) -> None:
    workitem = await order(api)
    patient = f"PatientID={workitem['patientID']}"

    (entry,) = await listed(site.port, patient, "PatientName", "StudyInstanceUID", "0040,0100")
    assert entry.StudyInstanceUID == workitem["studyInstanceUID"]
    assert entry.PatientName == FULL["patientName"]
    (step,) = entry.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledStationAETitle, step.ScheduledStationName) == ("CT", "NGV", "Straße 3")
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("20260305", "093005")

    await api.ask(DELETE, uid=workitem["studyInstanceUID"])
    assert await listed(site.port, patient) == []


@pytest.mark.cell("Worklist", "dcmtk")
@pytest.mark.parametrize(
    ("keys", "is_listed"),
    [
        (["PatientName=yamada*"], True),
        (["PatientName=NOBODY"], False),
        (["0040,0100[0].0008,0060=CT", "0040,0100[0].0040,0001=NGV"], True),
        (["0040,0100[0].0008,0060=MR"], False),
        (["0040,0100[0].0040,0001=OTHER"], False),
        (["0040,0100[0].0040,0002=20260305"], True),
        (["0040,0100[0].0040,0002=20260301-20260331", "0040,0100[0].0040,0003=0900-1000"], True),
        (["0040,0100[0].0040,0002=20260305", "0040,0100[0].0040,0003=1000-1100"], False),
        (["0040,0100[0].0040,0002=20260306-"], False),
        (["0008,0050"], True),
    ],
)
async def test_findscu_matches(site: Site, api: Api, keys: list[str], is_listed: bool) -> None:
    workitem = await order(api)

    found = await listed(site.port, f"PatientID={workitem['patientID']}", *keys)

    assert [entry.PatientID for entry in found] == [workitem["patientID"]] * is_listed


@pytest.mark.cell("Worklist", "pynetdicom")
async def test_findscu_of_pynetdicom_lists_an_order(site: Site, api: Api, tmp_path: Path) -> None:
    workitem = await order(api)
    command = [sys.executable, "-m", "pynetdicom", "findscu", "127.0.0.1", str(site.port), "-W"]

    result = await asyncio.to_thread(
        subprocess.run,
        [*command, "-k", f"PatientID={workitem['patientID']}", "-k", "StudyInstanceUID="],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )

    assert workitem["studyInstanceUID"] in result.stdout + result.stderr


@pytest.mark.cell("Worklist", "Orthanc")
async def test_orthanc_finds_the_worklist(site: Site, api: Api) -> None:
    workitem = await order(api, patientName="Rossi^María")
    step = {"Modality": "CT"}
    query = {"PatientID": workitem["patientID"], "PatientName": "", "ScheduledProcedureStepSequence": [step]}

    answer = await api.http.post(f"{site.orthanc.root}/modalities/graph/find-worklist", json={"Query": query})

    (entry,) = answer.raise_for_status().json()
    assert entry["PatientName"] == "Rossi^María"
    assert entry["ScheduledProcedureStepSequence"] == [step]


@pytest.mark.cell("Commitment", "Orthanc")
async def test_orthanc_is_told_what_is_safe(site: Site, api: Api) -> None:
    image = await stored(api)
    asked = [
        {"SOPClassUID": CT, "SOPInstanceUID": image.instance},
        {"SOPClassUID": CT, "SOPInstanceUID": "1.2.3.4.5"},
    ]

    body = {"DicomInstances": asked}
    answer = await api.http.post(f"{site.orthanc.root}/modalities/graph/storage-commitment", json=body)
    path = answer.raise_for_status().json()["Path"]
    async with asyncio.timeout(20):
        while (report := (await api.http.get(site.orthanc.root + path)).json())["Status"] == "Pending":
            await asyncio.sleep(0.1)

    assert report["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in report["Success"]] == [image.instance]
    assert [one["SOPInstanceUID"] for one in report["Failures"]] == ["1.2.3.4.5"]


@pytest.mark.cell("Commitment", "pynetdicom")
async def test_storescu_sends_what_a_scanner_then_asks_about(site: Site, api: Api, tmp_path: Path) -> None:
    image = Exam().image()
    file = tmp_path / "image.dcm"
    file.write_bytes(image.content)
    sent = await asyncio.to_thread(dcmtk, "storescu", "-aec", "DICOMGRAPH", "127.0.0.1", str(site.port), str(file))
    assert sent.returncode == 0, sent.stderr

    assert await site.scanner.asks(new_uid(), reference(image.instance)) == 0x0000

    assert (await site.modality.next()).event_type == 1


@pytest.mark.cell("MPPS", "pynetdicom")
async def test_a_workitem_follows_what_is_performed(site: Site, api: Api) -> None:
    workitem = await order(api)
    (entry,) = await listed(site.port, f"PatientID={workitem['patientID']}", "StudyInstanceUID", "0040,0100")
    uid, study = new_uid(), str(entry.StudyInstanceUID)
    step = {
        "StudyInstanceUID": study,
        "ScheduledProcedureStepID": entry.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID,
    }

    begun = started(ScheduledStepAttributesSequence=[step], PatientID=workitem["patientID"])
    assert await site.scanner.begins(uid, **begun) == 0x0000
    assert await state(api, study) == "IN_PROGRESS"

    assert await site.scanner.ends(uid, **ended("DISCONTINUED")) == 0x0000
    assert await state(api, study) == "CANCELED"
    assert await site.scanner.ends(uid, **ended()) == 0x0110

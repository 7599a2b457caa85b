"""Orthanc with deploy/orthanc's script: what a modality sends, or a client stores, reaches a subscriber."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from graph.settings import Settings
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.orthanc.api import Orthanc as OrthancRest
from persistence.store import open_store
from tests.graph.api import Api, Subscriber, subscribe
from tests.graph.conftest import serving
from tests.pacs.archive.serving import stow_body
from tests.real.orthanc import Orthanc, orthanc
from tests.real.server import free_port
from tests.samples import Exam

SCRIPT = Path(__file__).parents[2] / "deploy" / "orthanc" / "new-exam.lua"
pytestmark = pytest.mark.xdist_group("orthanc")

TOKEN = "the-callbacks-token"
NEW_EXAM = """subscription { newExam { sourceID eventType studyInstanceUID patientID patientName { alphabetic }
  modalitiesInStudy aeTitles stationNames numberOfStudyRelatedSeries numberOfStudyRelatedInstances
  study { series { instances { sopInstanceUID } } } } }"""


@asynccontextmanager
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Orthanc, Api, Subscriber]]:
    """An Orthanc that announces its exams to a server that has it for its PACS, and a subscriber there."""
    port = free_port()
    monkeypatch.setenv("NEW_EXAM_URL", f"http://127.0.0.1:{port}/new-exam-callback")
    monkeypatch.setenv("CALLBACK_TOKEN", TOKEN)
    with orthanc(tmp_path, LuaScripts=[str(SCRIPT)], StableAge=1) as pacs:
        settings = Settings(
            _env_file=None, data_dir=tmp_path / "data", pacs_url=pacs.pacs_url, callback_token=SecretStr(TOKEN)
        )
        async with (
            serving(settings, port) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
            subscribe(url, NEW_EXAM) as subscriber,
        ):
            yield pacs, Api(client), subscriber


async def test_what_a_modality_sends_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = Exam("000123", attributes={"PatientName": "Müller^Jörg", "StationName": "CT-1"})
    images = [exam.image(Modality="CT", SpecificCharacterSet="ISO_IR 192") for _ in range(2)]
    async with hospital(tmp_path, monkeypatch) as (pacs, _, subscriber):
        await asyncio.to_thread(pacs.send, *images)
        event = (await subscriber.next())["newExam"]

    series = event.pop("study")["series"]
    assert {one["instances"][0]["sopInstanceUID"] for one in series} == {image.instance for image in images}
    assert event == {
        "sourceID": "ORTHANC",
        "eventType": "COMPLETED",
        "studyInstanceUID": exam.study,
        "patientID": "000123",
        "patientName": {"alphabetic": "Müller^Jörg"},
        "modalitiesInStudy": ["CT"],
        "aeTitles": ["MODALITY"],
        "stationNames": ["CT-1"],
        "numberOfStudyRelatedSeries": 2,
        "numberOfStudyRelatedInstances": 2,
    }


async def test_what_is_uploaded_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Exam().image()
    async with hospital(tmp_path, monkeypatch) as (_, api, subscriber):
        (result,) = await api.upload(image.content)
        event = (await subscriber.next())["newExam"]

    assert result["error"] is None
    assert (event["studyInstanceUID"], event["patientID"]) == (image.study, image.patient_id)
    assert event["aeTitles"] == []


def test_a_service_that_hangs_holds_up_orthanc_for_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = json.loads((SCRIPT.parent / "orthanc.json").read_text())["HttpTimeout"]
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections and never answers
        monkeypatch.setenv("NEW_EXAM_URL", f"http://127.0.0.1:{hanging.getsockname()[1]}/new-exam-callback")
        with orthanc(tmp_path, LuaScripts=[str(SCRIPT)], StableAge=1, HttpTimeout=configured) as pacs:
            store(pacs)
            hanging.settimeout(20)
            posting, _ = hanging.accept()
            started = time.monotonic()
            store(pacs)
            seconds = time.monotonic() - started
            posting.close()

    assert seconds < configured + 3


def test_an_orthanc_that_was_told_of_no_service_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW_EXAM_URL", raising=False)
    with orthanc(tmp_path, LuaScripts=[str(SCRIPT)]):
        pass

    assert "NEW_EXAM_URL is not set" in (tmp_path / "orthanc.log").read_text()


def store(pacs: Orthanc) -> None:
    content_type, body = stow_body(Exam().image().content)
    headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
    httpx.post(f"{pacs.pacs_url}/studies", content=body, headers=headers, timeout=90).raise_for_status()


async def test_the_reconciler_would_announce_a_study_in_the_scripts_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = Exam("000123", attributes={"PatientName": "Müller^Jörg", "StationName": "CT-1", "StudyDescription": "Kopf"})
    images = [exam.image(SpecificCharacterSet="ISO_IR 192") for _ in range(2)]
    async with hospital(tmp_path, monkeypatch) as (pacs, _, subscriber):
        await asyncio.to_thread(pacs.send, *images)
        await subscriber.next()
        web = DicomWeb(PacsAddress(pacs.root))
        changes = await OrthancRest(web).changes(0, 100)
        (study,) = {change.id for change in changes.entries if change.level == "studies"}
        announcement = await OrthancRest(web).announcement(study, "ORTHANC")
        await web.aclose()

    store = await open_store(None, tmp_path / "data")
    (event,) = await store.events_after(None, limit=10)
    await store.close()
    assert event.body == announcement

"""One server with AUTH=jwt for all cells, with exams and workitems of two patients.

`pytest tests/graph/permissions -v` (or -s) ends with the table, as it was measured.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from graph.access import Role
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.authentication.conftest import CALLBACK_TOKEN
from tests.graph.authentication.issuer import AUDIENCE, ISSUER, SECRET, with_secret
from tests.graph.conftest import serving
from tests.samples import Exam, Sample

CELLS: dict[str, dict[Role, str]] = {}
_CREATE = """mutation ($input: CreateWorkitemInput!) { createWorkitem(input: $input) {
  workitem { studyInstanceUID } } }"""


@dataclass(frozen=True)
class House:
    """The server, and what is in it."""

    url: str
    own: Sample
    other: Sample

    def headers(self, role: Role) -> dict[str, str]:
        """Of a client in this role; a patient's is the owner of `own`."""
        patient = {"patient_id": self.own.patient_id} if role is Role.PATIENT else {}
        return {"Authorization": f"Bearer {with_secret(sub=f'a {role.value}', role=role.value, **patient)}"}

    def client(self, role: Role | None) -> httpx.AsyncClient:
        """A client in this role; None: without a token."""
        return httpx.AsyncClient(base_url=self.url, headers=self.headers(role) if role else {}, timeout=30)

    async def ask(self, role: Role, query: str, **variables: Any) -> Any:
        """The whole answer."""
        async with self.client(role) as client:
            return await Api(client).answer(query, **variables)


@pytest.fixture(scope="session")
def secured_settings(archive_socket: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("permissions"),
        archive_socket=archive_socket,
        auth="jwt",
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_secret=SecretStr(SECRET),
        callback_token=SecretStr(CALLBACK_TOKEN),
        rate_per_second=0,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(secured_settings: Settings) -> AsyncIterator[House]:
    own, other = Exam().image(), Exam().image()
    async with serving(secured_settings) as url:
        house = House(url, own, other)
        async with house.client(Role.ADMIN) as client:
            api = Api(client)
            results = await api.upload(own.content, other.content)
            assert [result["error"] for result in results] == [None, None]
            for image in (own, other):
                await api.ask(_CREATE, input=workitem(image.patient_id, image.study))
                await announce(house, image)
        yield house


def workitem(patient_id: str, study: str) -> dict[str, str]:
    """What createWorkitem needs."""
    return {
        "patientID": patient_id,
        "patientName": "A^B",
        "studyInstanceUID": study,
        "scheduledStationAETitle": "CT1",
        "scheduledProcedureStepDescription": "Head",
        "scheduledProcedureStepStartDate": "2030-01-01",
        "scheduledProcedureStepStartTime": "10:00:00",
        "modality": "CT",
        "accessionNumber": f"A{study[-10:]}",
    }


async def announce(house: House, image: Sample) -> None:
    """As the PACS does."""
    event = {"StudyInstanceUID": image.study, "PatientID": image.patient_id}
    async with house.client(None) as pacs:
        answer = await pacs.post("/new-exam-callback", json=event, params={"token": CALLBACK_TOKEN})
        assert answer.status_code == 204


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table where somebody wants to read."""
    if CELLS and (config.option.capture == "no" or config.option.verbose > 0):
        terminalreporter.section("who may do what")
        width = max(map(len, CELLS))
        terminalreporter.write_line(f"{'':<{width}}  " + "".join(f"{role.value:<20}" for role in Role))
        for name, row in CELLS.items():
            terminalreporter.write_line(f"{name:<{width}}  " + "".join(f"{row.get(role, '-'):<20}" for role in Role))

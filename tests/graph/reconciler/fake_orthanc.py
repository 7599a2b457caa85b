"""An Orthanc whose log of changes a test writes: cleared, replaced, lying. The real one is in `tests/real`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def identifier(number: int) -> str:
    """As Orthanc's are."""
    return "-".join([f"{number:08x}"] * 5)


@dataclass
class FakeStudy:
    """One study of one series."""

    number: int
    instances: list[str] = field(default_factory=list)
    is_stable: bool = True
    patient_id: str = "P1"
    last_update: str = "20260101T000000"

    @property
    def id(self) -> str:
        """Orthanc's identifier; the series has the next."""
        return identifier(self.number * 1000)

    @property
    def series_id(self) -> str:
        """Of its series."""
        return identifier(self.number * 1000 + 1)

    @property
    def uid(self) -> str:
        """StudyInstanceUID."""
        return f"1.2.{self.number}"

    def json(self) -> dict[str, Any]:
        """As `/studies/{id}` has it."""
        return {
            "ID": self.id,
            "IsStable": self.is_stable,
            "LastUpdate": self.last_update,
            "MainDicomTags": {"StudyInstanceUID": self.uid},
            "PatientMainDicomTags": {"PatientID": self.patient_id},
            "Series": [self.series_id],
        }

    def series(self) -> dict[str, Any]:
        """As `/series/{id}` has it."""
        return {
            "ID": self.series_id,
            "ParentStudy": self.id,
            "Instances": self.instances,
            "MainDicomTags": {"Modality": "CT"},
        }


class FakeOrthanc:
    """Serve `app`; change the rest as the test goes on."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.studies: dict[str, FakeStudy] = {}
        self.asked: Counter[str] = Counter()
        self.answers: dict[str, Response] = {}
        """What is answered whatever is true, by path."""
        self.app = Starlette(routes=[Route("/{path:path}", self._answer)])
        self._clock = 0

    def arrive(self, study: FakeStudy, images: int = 1) -> None:
        """Images come, and the log has them."""
        self.studies[study.id] = study
        for _ in range(images):
            instance = identifier(study.number * 1000 + 100 + len(study.instances))
            study.instances.append(instance)
            self.log("NewInstance", instance)
        study.last_update = self._date()

    def log(self, kind: str, id: str) -> None:
        """One more entry."""
        self._clock += 1
        sequence = self.changes[-1]["Seq"] + 1 if self.changes else 1
        self.changes.append({"Seq": sequence, "ChangeType": kind, "ID": id, "Date": self._date()})

    def _date(self) -> str:
        return f"20260101T{self._clock:06d}"

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked[path] += 1
        if path in self.answers:
            return self.answers[path]
        if path == "/system":
            return JSONResponse({"DicomAet": "ORTHANC", "Version": "1.10.1"})
        if path == "/changes":
            return self._changes(request)
        kind, _, id = path.strip("/").partition("/")
        id, _, below = id.partition("/")
        for study in self.studies.values():
            if (kind, id) == ("studies", study.id):
                return JSONResponse([study.series()] if below == "series" else study.json())
            if (kind, id) == ("series", study.series_id):
                return JSONResponse(study.series())
            if kind == "instances" and id in study.instances:
                return JSONResponse({"RemoteAET": "CT1"} if below else {"ParentSeries": study.series_id})
        return JSONResponse({}, 404)

    def _changes(self, request: Request) -> Response:
        query = request.query_params
        if "last" in query:
            return JSONResponse({"Changes": self.changes[-1:], "Done": True})
        found = [change for change in self.changes if change["Seq"] > int(query["since"])]
        page = found[: int(query["limit"])]
        return JSONResponse({"Changes": page, "Done": len(page) == len(found)})

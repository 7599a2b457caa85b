"""Several objects into Orthanc in one form, and one by one what it does not have afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from pacs.adapter import Pacs
from pacs.attributes import tag
from pacs.errors import NotFound, PacsTimeout
from pacs.orthanc.ids import orthanc_id
from tests.pacs.orthanc.storing import behind, paths, stored
from tests.pacs.scripted import Exchange, scripted_pacs
from tests.samples import Exam, Sample

EXAM = Exam()
ONE, TWO, THREE = (EXAM.image() for _ in range(3))
SYSTEM, INSTANCES, HELD, STOW, QIDO = (
    "/system", "/instances", "/tools/bulk-content", "/dicom-web/studies", "/dicom-web/instances",
)  # fmt: skip


def named(image: Sample) -> str:
    return orthanc_id(image.patient_id, image.study, image.series, image.instance)


def row(image: Sample, size: int = 0, origin: str = "RestApi", syntax: str = ExplicitVRLittleEndian) -> dict[str, Any]:
    metadata = {"Origin": origin, "TransferSyntax": syntax}
    return {"ID": named(image), "FileSize": size or len(image.content), "Metadata": metadata}


def referenced(image: Sample) -> dict[str, Any]:
    return {tag("ReferencedSOPInstanceUID"): {"vr": "UI", "Value": [image.instance]}}


@dataclass
class Script:
    """What an Orthanc answers; by STOW-RS it takes everything."""

    form: tuple[int, bytes] | None = (200, b"")
    """None: it breaks off."""
    held: tuple[int, object] = (200, [])
    alone: bytes = b'{"Status": "Success"}'
    searched: Callable[[int], list[Any]] = lambda _: []
    searches: int = 0
    searches_fail: bool = False
    forms: list[bytes] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.target.partition("?")[0]
        body = await exchange.body()
        if path == QIDO:
            self.searches += 1
            await exchange.json(self.searched(self.searches), 500 if self.searches_fail else 200)
        elif path == SYSTEM:
            await exchange.json({"DicomAet": "ORTHANC", "Version": "1.10.1"})
        elif path == INSTANCES and "multipart/form-data" in exchange.headers["content-type"]:
            self.forms.append(body)
            if self.form is None:
                raise ConnectionError
            await exchange.answer(*self.form)
        elif path == INSTANCES:
            await exchange.answer(200, self.alone)
        elif path == HELD:
            await exchange.json(self.held[1], self.held[0])
        elif path == STOW:
            items = [referenced(one) for one in (ONE, TWO, THREE)]
            await exchange.json({tag("ReferencedSOPSequence"): {"vr": "SQ", "Value": items}})
        else:
            await exchange.answer(404)


async def test_several_go_in_one_form_and_orthanc_is_asked_what_it_has() -> None:
    script = Script(held=(200, [row(ONE), row(TWO), row(THREE)]))
    async with behind(script) as (pacs, server):
        assert await stored(pacs, ONE, TWO, THREE) == [None] * 3
        assert paths(server) == [QIDO, SYSTEM, HELD, INSTANCES, HELD]
        (form,) = script.forms
        assert [form.count(one.content) for one in (ONE, TWO, THREE)] == [1] * 3
        assert await stored(pacs, ONE) == [None]
        assert paths(server)[5:] == [QIDO, INSTANCES]


@pytest.mark.parametrize(
    "status", [pytest.param(200, id="it says nothing of it"), pytest.param(400, id="it stops at one")]
)
async def test_what_orthanc_has_not_goes_alone(status: int) -> None:
    async with behind(Script(form=(status, b""), held=(200, [row(ONE)]))) as (pacs, server):
        assert await stored(pacs, ONE, TWO, THREE) == [None] * 3
        assert await stored(pacs, ONE, TWO, THREE) == [None] * 3
        each = [INSTANCES, HELD, INSTANCES, INSTANCES]
        assert paths(server) == [QIDO, SYSTEM, HELD, *each, QIDO, *each]


FORM, EACH = [INSTANCES, HELD], [INSTANCES, INSTANCES]


@pytest.mark.parametrize(
    ("script", "asked", "asked_again"),
    [
        pytest.param({"form": (401, b"")}, [HELD, INSTANCES, STOW], [STOW], id="other credentials there"),
        pytest.param({"form": (404, b"")}, [HELD, INSTANCES, STOW], [STOW], id="no such path"),
        pytest.param({"form": (413, b"")}, [HELD, INSTANCES, STOW], [STOW], id="too large"),
        pytest.param({"form": (415, b"")}, [HELD, INSTANCES, STOW], [STOW], id="no forms"),
        pytest.param({"form": (400, b"")}, [HELD, *FORM, *EACH], [*FORM, *EACH], id="refuses the first"),
        pytest.param({"form": (500, b"")}, [HELD, *FORM, *EACH], [*FORM, *EACH], id="a fault"),
        pytest.param({"form": (507, b"")}, [HELD, *FORM, *EACH], [*FORM, *EACH], id="no space"),
        pytest.param({"form": (503, b"")}, [HELD, *FORM, *EACH], [*FORM, *EACH], id="is busy"),
        pytest.param({"form": None}, [HELD, *FORM, *EACH], [*FORM, *EACH], id="breaks off"),
        pytest.param({"held": (200, [])}, [HELD, *FORM, *EACH], [STOW], id="took none of it"),
        pytest.param({"held": (404, {})}, [HELD, STOW], [STOW], id="cannot be asked"),
        pytest.param({"held": (503, {})}, [HELD, STOW], [HELD, STOW], id="cannot be asked now"),
        pytest.param({"held": (200, {})}, [HELD, STOW], [STOW], id="answers no list"),
        pytest.param({"held": (200, [[]])}, [HELD, STOW], [STOW], id="a list of something else"),
        pytest.param({"held": (200, [{"ID": []}])}, [HELD, STOW], [STOW], id="names that are none"),
    ],
)
async def test_where_orthanc_takes_no_form_they_go_as_before(
    script: Mapping[str, Any], asked: list[str], asked_again: list[str]
) -> None:
    async with behind(changed(Script(), **script)) as (pacs, server):
        assert await stored(pacs, ONE, TWO) == [None] * 2
        assert await stored(pacs, ONE, TWO) == [None] * 2
        assert paths(server) == [QIDO, SYSTEM, *asked, QIDO, *asked_again]


@pytest.mark.parametrize(
    "held",
    [
        pytest.param([row(ONE, size=1, syntax=JPEGLosslessSV1), row(TWO)], id="transcodes one"),
        pytest.param([row(ONE, size=1), row(TWO, size=2)], id="changes all"),
    ],
)
async def test_what_orthanc_changes_has_another_size(held: list[Any]) -> None:
    async with behind(Script(held=(200, held))) as (pacs, server):
        assert await stored(pacs, ONE, TWO) == [None] * 2
        assert paths(server) == [QIDO, SYSTEM, HELD, *FORM]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(row(ONE, origin="DicomProtocol"), id="over the DICOM network"),
        pytest.param(row(ONE, size=1), id="over HTTP"),
    ],
)
async def test_what_came_by_another_way_meanwhile_is_compared(other: Mapping[str, Any]) -> None:
    uids = {"StudyInstanceUID": ONE.study, "SeriesInstanceUID": ONE.series, "SOPInstanceUID": ONE.instance}
    place = {tag(name): {"vr": "UI", "Value": [uid]} for name, uid in uids.items()}
    script = Script(
        held=(200, [other, row(TWO)]),
        alone=b'{"Status": "AlreadyStored"}',
        searched=lambda number: [place] if number > 1 else [],
    )
    async with behind(script) as (pacs, server):
        one, two = await stored(pacs, ONE, TWO)
        assert isinstance(one, NotFound)  # this Orthanc cannot show what it has
        assert two is None
        assert paths(server)[:7] == [QIDO, SYSTEM, HELD, *FORM, INSTANCES, QIDO]


async def test_objects_that_cannot_be_searched_for_go_in_no_form() -> None:
    script = Script(held=(200, [row(ONE), row(TWO)]), searches_fail=True)
    async with behind(script) as (pacs, server):
        assert await stored(pacs, ONE, TWO) == [None] * 2
        assert paths(server) == [QIDO, STOW]


@pytest.mark.parametrize("patient_id", ["Müller", "P1\\P2"])
async def test_patients_whose_names_in_orthanc_are_not_sure_go_by_stow(patient_id: str) -> None:
    exam = Exam(patient_id)
    script = Script()
    async with behind(script) as (pacs, _):
        await stored(pacs, exam.image(SpecificCharacterSet="ISO_IR 192"), exam.image(SpecificCharacterSet="ISO_IR 192"))
    assert script.forms == []


async def test_a_form_that_is_not_answered_in_time_is_not_sent_again() -> None:
    script = Script()

    async def silent(exchange: Exchange) -> None:
        if exchange.target == INSTANCES:
            await exchange.reader.read()
        await script(exchange)

    async with scripted_pacs(silent) as server:
        pacs = Pacs(changed(server.address(), timeout_seconds=0.3))
        outcomes = await stored(pacs, ONE, TWO)
        await pacs.aclose()
    assert [type(outcome) for outcome in outcomes] == [PacsTimeout] * 2
    assert paths(server) == [QIDO, SYSTEM, HELD, INSTANCES]

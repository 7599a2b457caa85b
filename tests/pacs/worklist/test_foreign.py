"""The dialects that were not run against the real server: recorded exchanges, each from its documentation."""

from typing import Any

import pytest

from pacs import workitem_mwl, workitem_ups
from pacs.attributes import JSONDataset
from pacs.errors import Conflict, NotFound, PacsFault, PacsUnauthorized
from pacs.workitem import WorkitemState
from pacs.workitem_check import checked
from pacs.worklist.dialects import DIALECT_NAMES, open_worklist
from pacs.worklist.protocol import WorkitemSearch
from pacs.worklist.ups import UpsWorklist
from tests.pacs.workitem_examples import STUDY, full, minimal
from tests.pacs.worklist.recorded import Exchange, pacs

UID = "2.25.271406905484160014384806866143193447735"
ENTRY = workitem_mwl.write(checked(full()))


def scheduled_ups(state: str = "SCHEDULED", uid: str = UID) -> JSONDataset:
    return workitem_ups.write(checked(minimal())) | {
        "00741000": {"vr": "CS", "Value": [state]},
        "00080018": {"vr": "UI", "Value": [uid]},
    }


def entry(status: str = "SCHEDULED", step_id: str = "SPS-1") -> JSONDataset:
    step = dict(ENTRY["00400100"]["Value"][0])
    step |= {"00400020": {"vr": "CS", "Value": [status]}, "00400009": {"vr": "SH", "Value": [step_id]}}
    return ENTRY | {"00400100": {"vr": "SQ", "Value": [step]}}


# PS3.18 2019e–2024e, Table 11.8.3-1: a cancel request on a SCHEDULED workitem may be answered 409.
async def test_a_server_that_refuses_to_cancel_what_is_scheduled_is_made_to() -> None:
    claim, cancel = (Exchange(f"PUT /workitems/{UID}/state") for _ in range(2))
    async with pacs(
        Exchange(f"GET /workitems?ReferencedRequestSequence.StudyInstanceUID={STUDY}&includefield=all", 204),
        Exchange(f"GET /workitems?StudyInstanceUID={STUDY}&includefield=all", answer=[scheduled_ups()]),
        Exchange(f"POST /workitems/{UID}/cancelrequest", 409),
        Exchange(f"GET /workitems/{UID}", answer=[scheduled_ups()]),
        claim,
        cancel,
    ) as web:
        await UpsWorklist(web).delete(STUDY)

    assert claim.body[0]["00741000"]["Value"] == ["IN PROGRESS"]
    assert cancel.body[0]["00741000"]["Value"] == ["CANCELED"]
    assert claim.body[0]["00081195"] == cancel.body[0]["00081195"]


# PS3.18 §11.8: 202 means that the request was accepted, not that the workitem was canceled.
async def test_a_workitem_that_begins_meanwhile_is_not_withdrawn() -> None:
    async with pacs(
        Exchange(
            f"GET /workitems?ReferencedRequestSequence.StudyInstanceUID={STUDY}&includefield=all",
            answer=[scheduled_ups()],
        ),
        Exchange(f"POST /workitems/{UID}/cancelrequest", 202),
        Exchange(f"GET /workitems/{UID}", answer=[scheduled_ups("IN PROGRESS")]),
    ) as web:
        with pytest.raises(Conflict, match="in progress"):
            await UpsWorklist(web).delete(STUDY)


# dcm4chee-arc-light UpsRS.java: `@QueryParam("workitem")`, `/cancelrequest/{requester}`; 201, 202 as PS3.18.
# Its issue 2294: it matches ReferencedRequestSequence.StudyInstanceUID, and not the study at the root.
async def test_ups_of_dcm4chee() -> None:
    by_study = f"GET /workitems?ReferencedRequestSequence.StudyInstanceUID={STUDY}&includefield=all"
    first_uid = "2.25.5387353757417817188846170055889023463"
    create = Exchange(f"POST /workitems?workitem={_first_uid()}", 201)
    async with pacs(
        Exchange(by_study, 204),
        create,
        Exchange(by_study, answer=[scheduled_ups(uid=first_uid)]),
        Exchange(f"POST /workitems/{first_uid}/cancelrequest/DICOM-GRAPH", 202),
        Exchange(f"GET /workitems/{first_uid}", answer=[scheduled_ups("CANCELED")]),
    ) as web:
        worklist = open_worklist(web, "ups-dcm4chee")
        created = await worklist.create(checked(minimal()))
        await worklist.delete(STUDY)

    assert created.workitem_uid == _first_uid()
    assert create.body[0]["00404026"]["Value"][0]["00080104"]["Value"] == ["CT"]  # read as the modality: issue 4620


def _first_uid() -> str:
    from pacs.worklist.ups import _workitem_uids

    return next(_workitem_uids(STUDY))


BY_STUDY = f"GET /mwlitems?StudyInstanceUID={STUDY}&includefield=all"


# dcm4chee-arc-light MwlRS.java, `POST /mwlitems`: 200 with the dataset as stored, IDs made where they were missing;
# 404 when the patient is unknown (issue 168).
async def test_mwl_of_dcm4chee_creates_with_the_patient_if_need_be() -> None:
    patient, again = Exchange("POST /patients"), Exchange("POST /mwlitems", answer=entry())
    async with pacs(Exchange(BY_STUDY, 204), Exchange("POST /mwlitems", 404), patient, again) as web:
        created = await open_worklist(web, "mwl-dcm4chee").create(checked(full()))

    assert again.body == ENTRY
    assert patient.body["00100020"]["Value"] == ["SDJ38WMD1MS01"]
    assert set(patient.body) == {"00080005", "00100010", "00100020", "00100030", "00100040"}
    assert created.state is WorkitemState.SCHEDULED
    assert created.dataset.json == ENTRY


# Issue 339: the server overwrites the entry of a study instead of refusing a second one.
async def test_mwl_of_dcm4chee_is_asked_first_since_it_overwrites() -> None:
    async with pacs(Exchange(BY_STUDY, answer=[entry("ARRIVED")])) as web:
        with pytest.raises(Conflict):
            await open_worklist(web, "mwl-dcm4chee").create(checked(full()))


# MwlRS.java, `DELETE /mwlitems/{studyIUID}/{spsID}`: 204, or 404.
@pytest.mark.parametrize("status", [204, 404])
async def test_mwl_of_dcm4chee_deletes_by_study_and_step(status: int) -> None:
    async with pacs(
        Exchange(BY_STUDY, answer=[entry(), entry("CANCELED")]), Exchange(f"DELETE /mwlitems/{STUDY}/SPS-1", status)
    ) as web:
        deleting = open_worklist(web, "mwl-dcm4chee").delete(STUDY)
        if status == 404:
            with pytest.raises(NotFound):
                await deleting
        else:
            await deleting


async def test_mwl_of_dcm4chee_keeps_what_has_begun() -> None:
    async with pacs(Exchange(BY_STUDY, answer=[entry("STARTED")])) as web:
        with pytest.raises(Conflict, match="in progress"):
            await open_worklist(web, "mwl-dcm4chee").delete(STUDY)


# Issues 169 and 2456: `GET /mwlitems?…&orderby=…`, keywords of the step through its sequence.
async def test_a_search_of_dcm4chees_mwl() -> None:
    step = "ScheduledProcedureStepSequence"
    query = (
        f"PatientID=SDJ38WMD1MS01&{step}.Modality=CT&orderby=-{step}.ScheduledProcedureStepStartDate,"
        f"-{step}.ScheduledProcedureStepStartTime&offset=0&limit=3&includefield=all"
    )
    async with pacs(Exchange(f"GET /mwlitems?{query}", answer=[entry(), entry("COMPLETED", "SPS-2")])) as web:
        search = WorkitemSearch(patient_id="SDJ38WMD1MS01", modality="CT", states=frozenset({WorkitemState.SCHEDULED}))
        page = await open_worklist(web, "mwl-dcm4chee").search(search, first=2)

    assert [one.state for one in page.workitems] == [WorkitemState.SCHEDULED]
    assert page.workitems[0].dataset.json == ENTRY


# https://orthanc.uclouvain.be/book/plugins/worklists-plugin-new.html: POST /worklists/create {"Tags": …}, its answer
# {"ID", "Path"}; GET /worklists/?format=Simplify; DELETE /worklists/{ID}. Plugin.cpp: a list of {"ID", "Tags"}.
LIST = "GET /worklists/?format=Simplify"
ID = "5fdc7404-f9dc-4798-b6e1-8f715e2f9e71"


async def orthanc_tags() -> dict[str, Any]:
    create = Exchange("POST /worklists/create", answer={"ID": ID, "Path": f"/worklists/{ID}"})
    async with pacs(Exchange(LIST, answer=[]), create) as web:
        created = await open_worklist(web, "orthanc").create(checked(full()))
    assert created.resource == ID
    return dict(create.body["Tags"])


async def test_orthanc_takes_keywords_and_texts() -> None:
    tags = await orthanc_tags()

    (step,) = tags["ScheduledProcedureStepSequence"]
    assert tags["SpecificCharacterSet"] == "ISO_IR 192"
    assert tags["PatientName"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert tags["MedicalAlerts"] == "Pacemaker\\Kontrastmittelallergie: schwer\\造影剤"
    assert tags["PregnancyStatus"] == "2"
    assert (step["Modality"], step["ScheduledProcedureStepStartDate"]) == ("CT", "20000101")


async def test_what_orthanc_lists_is_what_it_was_given() -> None:
    listed = [{"ID": ID, "Tags": await orthanc_tags(), "CreationDate": "20260101T000000.000000"}]
    async with pacs(Exchange(LIST, answer=listed), Exchange(LIST, answer=listed)) as web:
        worklist = open_worklist(web, "orthanc")
        page = await worklist.search(WorkitemSearch(patient_id="SDJ38WMD1MS01"), first=10)
        other = await worklist.search(WorkitemSearch(patient_id="SOMEBODY-ELSE"), first=10)

    assert [one.dataset.json for one in page.workitems] == [ENTRY]
    assert other.workitems == []


async def test_orthanc_takes_any_number_so_it_is_asked_first() -> None:
    listed = [{"ID": ID, "Tags": await orthanc_tags()}]
    async with pacs(Exchange(LIST, answer=listed)) as web:
        with pytest.raises(Conflict):
            await open_worklist(web, "orthanc").create(checked(full()))


async def test_orthanc_deletes_by_its_own_id() -> None:
    listed = [{"ID": ID, "Tags": await orthanc_tags()}]
    async with pacs(
        Exchange(LIST, answer=listed), Exchange(f"DELETE /worklists/{ID}", answer={}), Exchange(LIST, answer=[])
    ) as web:
        worklist = open_worklist(web, "orthanc")
        await worklist.delete(STUDY)
        with pytest.raises(NotFound):
            await worklist.delete(STUDY)


# A server may hold workitems that this service cannot read; they must not end a list early.
async def test_workitems_in_no_known_state_are_passed_over() -> None:
    odd, even = scheduled_ups("ODD"), scheduled_ups(uid="2.25.5")
    listing = "offset={}&limit=2&includefield=all"
    async with pacs(
        Exchange("GET /workitems?" + listing.format(0), answer=[odd, odd]),
        Exchange("GET /workitems?" + listing.format(2), answer=[even]),
    ) as web:
        page = await open_worklist(web, "embedded").search(WorkitemSearch(), first=1)

    assert [one.workitem_uid for one in page.workitems] == ["2.25.5"]


@pytest.mark.parametrize(
    "listed", [[{"ID": ID}], [{"ID": ID, "Tags": {}}], ["x"], [{"Tags": {"ScheduledProcedureStepSequence": "x"}}]]
)
async def test_odd_lists_of_orthanc_are_no_error(listed: list[Any]) -> None:
    async with pacs(Exchange(LIST, answer=listed)) as web:
        page = await open_worklist(web, "orthanc").search(WorkitemSearch(patient_id="P1"), first=10)

    assert page.workitems == []


@pytest.mark.parametrize("name", DIALECT_NAMES)
@pytest.mark.parametrize(("status", "error"), [(500, PacsFault), (401, PacsUnauthorized)])
async def test_a_server_that_fails_is_reported_by_kind(name: Any, status: int, error: type[Exception]) -> None:
    first = {
        "mwl-dcm4chee": BY_STUDY,
        "orthanc": LIST,
    }.get(name, f"GET /workitems?ReferencedRequestSequence.StudyInstanceUID={STUDY}&includefield=all")
    async with pacs(Exchange(first, status)) as web:
        with pytest.raises(error):
            await open_worklist(web, name).find(STUDY)

"""The worklist: examinations that are scheduled."""

import datetime as dt
import re

import strawberry

from graph.access_records.actions import READ_WORKITEM
from graph.context import Info
from graph.schema.attributes import PersonName, attribute, computed, dicom_type, selected_keywords
from graph.schema.date_range import DateRange
from graph.schema.exam_queries import find_study
from graph.schema.exams import Study
from graph.schema.instances import Scope
from graph.schema.pagination import Cursors, PageInfo, check_first, not_a_cursor
from graph.schema.scalars import UID, DicomJSON
from pacs import workitem as model
from pacs.attributes import Dataset
from pacs.queries import exact
from pacs.searches import StudySearch
from pacs.workitem import PregnancyStatus, WorkitemState
from pacs.worklist.protocol import Position, WorkitemSearch, position

_CURSORS = Cursors("workitem", (str, str))
_MOMENT = re.compile(r"(\d{14}\.\d{6})?", re.ASCII)

strawberry.enum(WorkitemState, description="Procedure Step State (0074,1000).")
strawberry.enum(PregnancyStatus, description="Pregnancy Status (0010,21C0).")
_OPEN = [WorkitemState.SCHEDULED, WorkitemState.IN_PROGRESS]


@dicom_type("An examination that is scheduled.")
class Workitem:
    """A workitem, read from its worklist entry."""

    dataset: strawberry.Private[Dataset]
    step: strawberry.Private[Dataset]

    workitem_uid: UID | None = strawberry.field(
        description="The UPS instance, where the PACS keys workitems by their own UID."
    )
    state: WorkitemState
    study_instance_uid: UID = attribute("StudyInstanceUID")
    patient_id: str = attribute("PatientID")
    patient_name: PersonName | None = attribute("PatientName")
    patient_birth_date: dt.date | None = attribute("PatientBirthDate")
    patient_sex: str | None = attribute("PatientSex")
    accession_number: str | None = attribute("AccessionNumber")
    modality: str | None = computed(lambda self: self.step.text("Modality"))
    scheduled_station_ae_title: str | None = computed(lambda self: self.step.text("ScheduledStationAETitle"))
    scheduled_station_name: str | None = computed(lambda self: self.step.text("ScheduledStationName"))
    scheduled_procedure_step_start_date: dt.date | None = computed(
        lambda self: self.step.date("ScheduledProcedureStepStartDate")
    )
    scheduled_procedure_step_start_time: dt.time | None = computed(
        lambda self: self.step.time("ScheduledProcedureStepStartTime")
    )
    scheduled_procedure_step_description: str | None = computed(
        lambda self: self.step.text("ScheduledProcedureStepDescription")
    )
    scheduled_procedure_step_id: str | None = computed(lambda self: self.step.text("ScheduledProcedureStepID"))
    scheduled_performing_physician_name: PersonName | None = computed(
        lambda self: PersonName.of(self.step.name("ScheduledPerformingPhysicianName"))
    )
    requested_procedure_id: str | None = attribute("RequestedProcedureID")
    requested_procedure_description: str | None = attribute("RequestedProcedureDescription")
    requesting_physician: PersonName | None = attribute("RequestingPhysician")
    referring_physician_name: PersonName | None = attribute("ReferringPhysicianName")
    admission_id: str | None = attribute("AdmissionID")
    service_episode_id: str | None = attribute("ServiceEpisodeID")
    current_patient_location: str | None = attribute("CurrentPatientLocation")
    confidentiality_constraint_on_patient_data_description: str | None = attribute(
        "ConfidentialityConstraintOnPatientDataDescription"
    )
    patient_state: str | None = attribute("PatientState")
    pregnancy_status: PregnancyStatus | None = computed(lambda self: _pregnancy(self.dataset))
    medical_alerts: list[str] = attribute("MedicalAlerts")
    placer_order_number_imaging_service_request: str | None = attribute("PlacerOrderNumberImagingServiceRequest")
    dicom: DicomJSON = computed(
        lambda self: self.dataset.json,
        description="The worklist entry: MWL attributes, Scheduled Procedure Step Sequence included.",
    )

    @strawberry.field(description="The exam made for this workitem, once there is one.")
    async def study(self, info: Info) -> Study | None:
        """The patient's study with the workitem's UID, else the newest with its accession number."""
        found = await find_study(info, self.patient_id, self.study_instance_uid)
        return found or await _study_by_accession(info, self.patient_id, self.accession_number)


@strawberry.type(description="A workitem and its place in the list.")
class WorkitemEdge:
    """Relay's edge."""

    cursor: str
    node: Workitem


@strawberry.type(description="A page of workitems.")
class WorkitemConnection:
    """Relay's connection."""

    edges: list[WorkitemEdge]
    nodes: list[Workitem]
    page_info: PageInfo
    total_count: int | None


@strawberry.type
class WorkitemQueries:
    """The part of Query that reads the worklist."""

    @strawberry.field(description="The latest scheduled first.")
    async def workitems(
        self,
        info: Info,
        patient_id: str | None = strawberry.UNSET,
        modality: str | None = strawberry.UNSET,
        scheduled_station_ae_title: str | None = strawberry.UNSET,
        scheduled_on: DateRange | None = strawberry.UNSET,
        states: list[WorkitemState] = _OPEN,
        first: int = 50,
        after: str | None = strawberry.UNSET,
    ) -> WorkitemConnection:
        """One page of the worklist."""
        check_first(first)
        search = WorkitemSearch(
            patient_id=_exact("patientID", patient_id),
            modality=_exact("modality", modality),
            scheduled_station_ae_title=_exact("scheduledStationAETitle", scheduled_station_ae_title),
            scheduled_on=scheduled_on.days() if scheduled_on else None,
            states=frozenset(states),
        )
        found = await info.context.worklist.search(search, first=first, after=_position(after) if after else None)
        page = _CURSORS.page(
            found.workitems, [position(one) for one in found.workitems], more=found.more, after=after or None
        )
        edges = [
            WorkitemEdge(cursor=cursor, node=node_of(one))
            for cursor, one in zip(page.cursors, page.rows, strict=True)
            if one.study_instance_uid and one.patient_id  # without them it is nothing that could be worked with
        ]
        for edge in edges:
            _note(info, edge.node)
        return WorkitemConnection(
            edges=edges, nodes=[edge.node for edge in edges], page_info=page.info, total_count=None
        )

    @strawberry.field(description="The workitem of a study: the open one, else the latest scheduled.")
    async def workitem(self, info: Info, study_instance_uid: UID) -> Workitem | None:
        """One workitem."""
        found = await info.context.worklist.find(study_instance_uid)
        if found is None or not found.patient_id:
            return None
        workitem = node_of(found)
        _note(info, workitem)
        return workitem


def node_of(workitem: model.Workitem) -> Workitem:
    """The GraphQL side of a workitem."""
    uid = UID(workitem.workitem_uid) if workitem.workitem_uid else None
    return Workitem(dataset=workitem.dataset, step=workitem.step, workitem_uid=uid, state=workitem.state)


def _note(info: Info, workitem: Workitem) -> None:
    info.context.trail.note(READ_WORKITEM, workitem.patient_id, workitem.study_instance_uid)


def _position(cursor: str) -> Position:
    """Where a page goes on; the PACS is asked for what was scheduled before, so that it must be a time."""
    moment, key = map(str, _CURSORS.decode(cursor))
    if not _MOMENT.fullmatch(moment):
        raise not_a_cursor()
    return moment, key


def _exact(name: str, text: str | None) -> str | None:
    return None if text is None or text is strawberry.UNSET else exact(name, text)


def _pregnancy(dataset: Dataset) -> PregnancyStatus | None:
    number = dataset.integer("PregnancyStatus")
    return PregnancyStatus(number) if number in set(PregnancyStatus) else None


async def _study_by_accession(info: Info, patient_id: str, accession_number: str | None) -> Study | None:
    if not accession_number:
        return None
    search = StudySearch(patient_id=patient_id, accession_number=accession_number)
    found = await info.context.pacs.studies(search, selected_keywords(info, Study))
    return Study(dataset=found[0], scope=Scope(patient_id, info.context.links)) if found else None

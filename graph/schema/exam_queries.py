"""Queries for exams. patientID is mandatory and is the fence: a patient's query never shows another's exam."""

from collections.abc import Sequence

import strawberry

from graph.access_records.actions import READ_STUDY, SEARCH_STUDIES
from graph.access_records.trail import AccessOutcome
from graph.context import Info
from graph.loaders import Below, InSeries
from graph.schema.ahead import ahead_of
from graph.schema.attributes import selected_keywords
from graph.schema.date_range import DateRange
from graph.schema.exams import Series, Study
from graph.schema.instances import Instance, Scope
from graph.schema.pagination import Cursors, PageInfo
from graph.schema.scalars import UID
from pacs.searches import StudySearch, newest_first
from pacs.tables import Rows

_CURSORS = Cursors("study", (str, str, str))


@strawberry.type(description="A study and its place in the list.")
class StudyEdge:
    """Relay's edge."""

    cursor: str
    node: Study


@strawberry.type(description="A page of studies.")
class StudyConnection:
    """Relay's connection."""

    edges: list[StudyEdge]
    nodes: list[Study]
    page_info: PageInfo
    total_count: int | None


@strawberry.type
class ExamQueries:
    """The part of Query that reads exams."""

    @strawberry.field(description="Newest first.")
    async def studies(
        self,
        info: Info,
        patient_id: str,
        modality: str | None = strawberry.UNSET,
        study_date: DateRange | None = strawberry.UNSET,
        accession_number: str | None = strawberry.UNSET,
        study_description: str | None = strawberry.UNSET,
        first: int = 50,
        after: str | None = strawberry.UNSET,
    ) -> StudyConnection:
        """One page of the patient's studies. A description may hold DICOM's wildcards `*` and `?`."""
        search = StudySearch(
            patient_id=patient_id,
            modality=modality or None,
            study_date=study_date.days() if study_date else None,
            accession_number=accession_number or None,
            study_description=study_description or None,
        )
        include = selected_keywords(info, Study, "nodes", "edges.node")
        found = await ahead_of(info, search, first, info.context.pacs.studies(search, include))
        info.context.trail.note(SEARCH_STUDIES, patient_id)
        page = _CURSORS.cut(found, newest_first, first, after or None)
        scope = Scope(patient_id, info.context.links)
        nodes = [Study(dataset=dataset, scope=scope) for dataset in page.rows]
        edges = [StudyEdge(cursor=cursor, node=node) for cursor, node in zip(page.cursors, nodes, strict=True)]
        return StudyConnection(edges=edges, nodes=nodes, page_info=page.info, total_count=len(found))

    @strawberry.field
    async def study(self, info: Info, patient_id: str, study_instance_uid: UID) -> Study | None:
        """One study of the patient."""
        return await find_study(info, patient_id, study_instance_uid)

    @strawberry.field
    async def series(self, info: Info, patient_id: str, study_instance_uid: UID) -> list[Series]:
        """The series of one study of the patient."""
        key = Below(patient_id, study_instance_uid, selected_keywords(info, Series))
        scope = Scope(patient_id, info.context.links)
        datasets = await info.context.loaders.series.load(key)
        _note(info, patient_id, study_instance_uid, datasets)
        return [Series(dataset=dataset, scope=scope) for dataset in datasets]

    @strawberry.field
    async def instances(
        self, info: Info, patient_id: str, study_instance_uid: UID, series_instance_uid: UID
    ) -> Sequence[Instance]:
        """The instances of one series of the patient."""
        key = InSeries(patient_id, study_instance_uid, series_instance_uid, selected_keywords(info, Instance))
        datasets = await info.context.loaders.instances.load(key)
        _note(info, patient_id, study_instance_uid, datasets)
        return Instance.of(datasets, Scope(patient_id, info.context.links))

    @strawberry.field
    async def instance(
        self,
        info: Info,
        patient_id: str,
        study_instance_uid: UID,
        series_instance_uid: UID,
        sop_instance_uid: UID,
    ) -> Instance | None:
        """One instance of the patient."""
        key = Below(patient_id, sop_instance_uid, selected_keywords(info, Instance))
        datasets = await info.context.loaders.instances_by_uid.load(key)
        _note(info, patient_id, study_instance_uid, datasets)
        for dataset in datasets:
            place = dataset.text("StudyInstanceUID"), dataset.text("SeriesInstanceUID")
            if place == (study_instance_uid, series_instance_uid):
                return Instance(dataset=dataset, scope=Scope(patient_id, info.context.links))
        return None


async def find_study(info: Info, patient_id: str, study_instance_uid: str) -> Study | None:
    """The patient's study with this UID, with what the query selects at this field."""
    search = StudySearch(patient_id=patient_id, study_instance_uid=study_instance_uid)
    found = await info.context.pacs.studies(search, selected_keywords(info, Study))
    _note(info, patient_id, study_instance_uid, found)
    return Study(dataset=found[0], scope=Scope(patient_id, info.context.links)) if found else None


def _note(info: Info, patient_id: str, study_instance_uid: str, found: Rows) -> None:
    """Records that the study was read, or that there was nothing to read."""
    outcome = AccessOutcome.ALLOWED if found else AccessOutcome.FAILED
    info.context.trail.note(READ_STUDY, patient_id, study_instance_uid, outcome)

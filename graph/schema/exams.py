"""Studies and their series."""

import datetime as dt
from collections.abc import Sequence

import strawberry

from graph.access_records.actions import READ_STUDY
from graph.context import Info
from graph.links import Links
from graph.loaders import Below, InSeries
from graph.schema.attributes import PersonName, attribute, derived, dicom_type, selected_keywords
from graph.schema.instances import DATASET, Instance, Scope
from graph.schema.scalars import UID, DicomJSON
from pacs.attributes import Dataset


@dicom_type("The instances that one piece of equipment made in one go.")
class Series:
    """A series, read from its dataset."""

    dataset: strawberry.Private[Dataset]
    scope: strawberry.Private[Scope]

    study_instance_uid: UID = attribute("StudyInstanceUID")
    series_instance_uid: UID = attribute("SeriesInstanceUID")
    modality: str | None = attribute("Modality")
    series_number: int | None = attribute("SeriesNumber")
    series_description: str | None = attribute("SeriesDescription")
    body_part_examined: str | None = attribute("BodyPartExamined")
    performed_procedure_step_start_date: dt.date | None = attribute("PerformedProcedureStepStartDate")
    performed_procedure_step_start_time: dt.time | None = attribute("PerformedProcedureStepStartTime")
    number_of_series_related_instances: int | None = attribute("NumberOfSeriesRelatedInstances")
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=DATASET)

    @strawberry.field(description="By instance number.")
    async def instances(self, info: Info) -> Sequence[Instance]:
        """The instances, together with those of all other series of the query."""
        include = selected_keywords(info, Instance)
        place = self.study_instance_uid, self.series_instance_uid
        key = InSeries(self.scope.patient_id, *place, include, row=self.dataset)
        datasets = await info.context.loaders.instances.load(key)
        info.context.trail.note(READ_STUDY, self.scope.patient_id, self.study_instance_uid)
        return Instance.of(datasets, self.scope)


@dicom_type("What was examined of a patient at one time.")
class Study:
    """A study, read from its dataset."""

    dataset: strawberry.Private[Dataset]
    scope: strawberry.Private[Scope]

    study_instance_uid: UID = attribute("StudyInstanceUID")
    patient_id: str = attribute("PatientID")
    patient_name: PersonName | None = attribute("PatientName")
    patient_birth_date: dt.date | None = attribute("PatientBirthDate")
    patient_sex: str | None = attribute("PatientSex")
    accession_number: str | None = attribute("AccessionNumber")
    study_id: str | None = attribute("StudyID")
    study_date: dt.date | None = attribute("StudyDate")
    study_time: dt.time | None = attribute("StudyTime")
    study_description: str | None = attribute("StudyDescription")
    referring_physician_name: PersonName | None = attribute("ReferringPhysicianName")
    modalities_in_study: list[str] = attribute("ModalitiesInStudy")
    number_of_study_related_series: int | None = attribute("NumberOfStudyRelatedSeries")
    number_of_study_related_instances: int | None = attribute("NumberOfStudyRelatedInstances")
    media_url: str = derived(
        Links.media,
        "scope.links",
        "study_instance_uid",
        description="The study as offline media: a zip of Part 10 files with a DICOMDIR.",
    )
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=DATASET)

    @strawberry.field(description="By series number.")
    async def series(self, info: Info) -> list[Series]:
        """The series, together with those of all other studies of the query."""
        key = Below(self.scope.patient_id, self.study_instance_uid, selected_keywords(info, Series))
        datasets = await info.context.loaders.series.load(key)
        info.context.trail.note(READ_STUDY, self.scope.patient_id, self.study_instance_uid)
        return [Series(dataset=dataset, scope=self.scope) for dataset in datasets]

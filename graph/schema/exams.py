"""Studies, their series, their instances."""

import base64
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import strawberry
from pydicom.uid import UID as PydicomUID

from graph.access_records.actions import READ_STUDY, READ_THUMBNAIL
from graph.context import Info
from graph.errors import bad_input
from graph.links import Links
from graph.loaders import Below, InSeries
from graph.schema.attributes import PersonName, attribute, derived, dicom_type, selected_keywords
from graph.schema.objects import Objects
from graph.schema.scalars import UID, DicomJSON
from pacs.attributes import Dataset
from pacs.errors import NoPicture
from pacs.pictures import LARGEST_THUMBNAIL
from pacs.tables import Rows, Table

_DATASET = "The dataset as the PACS sent it."


@lru_cache(maxsize=1024)
def _sop_class_name(uid: str | None) -> str | None:
    """The class's name in the standard's registry; None for a class that is not in it."""
    if uid is None:
        return None
    known = PydicomUID(uid)
    return known.name if known.name != uid else None


@dataclass(frozen=True)
class Scope:
    """What the objects of one answer share: whose they are, and how links are made."""

    patient_id: str
    links: Links


@strawberry.type(description="A picture, as JPEG.")
class Image:
    """A picture and where it is."""

    url: str
    content_type: str
    data_uri: str = strawberry.field(description="The picture itself, inline.")


@dicom_type("One DICOM object, usually an image.")
class Instance:
    """An instance, read from its dataset."""

    dataset: strawberry.Private[Dataset]
    scope: strawberry.Private[Scope]

    study_instance_uid: UID = attribute("StudyInstanceUID")
    series_instance_uid: UID = attribute("SeriesInstanceUID")
    sop_instance_uid: UID = attribute("SOPInstanceUID")
    sop_class_uid: UID | None = attribute("SOPClassUID")
    sop_class_name: str | None = derived(
        _sop_class_name,
        "sop_class_uid",
        keyword="SOPClassUID",
        description="The SOP class in words, e.g. CT Image Storage.",
    )
    instance_number: int | None = attribute("InstanceNumber")
    number_of_frames: int | None = attribute("NumberOfFrames")
    rows: int | None = attribute("Rows")
    columns: int | None = attribute("Columns")
    bits_allocated: int | None = attribute("BitsAllocated")
    file_url: str = derived(
        Links.file,
        "scope.links",
        "study_instance_uid",
        "series_instance_uid",
        "sop_instance_uid",
        description="The DICOM file.",
    )
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=_DATASET)

    @classmethod
    def of(cls, datasets: Rows, scope: Scope) -> Sequence["Instance"]:
        """The instances that these datasets tell of."""
        if isinstance(datasets, Table):
            return Objects(cls, datasets, scope=scope)
        return [cls(dataset=dataset, scope=scope) for dataset in datasets]

    @strawberry.field(description="Null where there is nothing to show (a report, say).")
    async def thumbnail(self, info: Info, size: int = 256) -> Image | None:
        """A picture of at most `size` pixels a side."""
        if not 0 < size <= LARGEST_THUMBNAIL:
            raise bad_input(f"size is {size}, it must be from 1 to {LARGEST_THUMBNAIL}")
        place = self.study_instance_uid, self.series_instance_uid, self.sop_instance_uid
        try:
            turn = info.context.services.pictures.of(info.context.client)
            pictures, patient_id = info.context.pacs.pictures, self.scope.patient_id or None
            picture = await pictures.thumbnail(*place, size, turn, patient_id=patient_id)
        except NoPicture as error:
            if error.transient:
                raise
            return None
        info.context.trail.note(READ_THUMBNAIL, self.scope.patient_id or None, self.study_instance_uid)
        inline = base64.b64encode(picture.body).decode()
        return Image(
            url=self.scope.links.thumbnail(*place, size),
            content_type=picture.content_type,
            data_uri=f"data:{picture.content_type};base64,{inline}",
        )


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
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=_DATASET)

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
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=_DATASET)

    @strawberry.field(description="By series number.")
    async def series(self, info: Info) -> list[Series]:
        """The series, together with those of all other studies of the query."""
        key = Below(self.scope.patient_id, self.study_instance_uid, selected_keywords(info, Series))
        datasets = await info.context.loaders.series.load(key)
        info.context.trail.note(READ_STUDY, self.scope.patient_id, self.study_instance_uid)
        return [Series(dataset=dataset, scope=self.scope) for dataset in datasets]

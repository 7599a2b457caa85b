"""Instances: the DICOM objects of a series."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import strawberry
from pydicom.uid import UID as PydicomUID

from graph.access_records.actions import READ_THUMBNAIL
from graph.context import Info
from graph.errors import bad_input
from graph.links import Links
from graph.schema.attributes import attribute, derived, dicom_type
from graph.schema.objects import Objects
from graph.schema.scalars import UID, DicomJSON
from pacs.attributes import Dataset
from pacs.errors import NoPicture
from pacs.pictures import LARGEST_THUMBNAIL
from pacs.tables import Rows, Table

DATASET = "The dataset as the PACS sent it."
"""What `dicom` is, at every level."""


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
    dicom: DicomJSON = derived(lambda dataset: dataset.json, "dataset", description=DATASET)

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

"""A workitem: one examination that is scheduled, and where each of its attributes stands in a dataset.

The canonical form is the Modality Worklist dataset (MWL, PS3.4 Annex K) in the DICOM JSON Model; a Unified Procedure
Step (UPS, PS3.4 Annex CC) is translated to and from it. `FIELDS` is the one table of both: IHE RAD EBIW Table
4.130.4.1.2-2 where it maps an attribute, PS3.4 Table CC.2.5-3 for the others.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum, auto
from typing import Any

from pacs.attributes import Dataset, tag
from pacs.errors import BadAttribute

Values = Mapping[str, list[Any]]
"""Keyword → its values as the DICOM JSON Model writes them; keywords without a value are left out."""


class WorkitemState(StrEnum):
    """Procedure Step State (0074,1000), PS3.4 Table CC.1.1-1."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more."""
        return self in (WorkitemState.COMPLETED, WorkitemState.CANCELED)


class PregnancyStatus(IntEnum):
    """Pregnancy Status (0010,21C0), PS3.3 §C.7.1.3."""

    NOT_PREGNANT = 1
    POSSIBLY_PREGNANT = 2
    DEFINITELY_PREGNANT = 3
    UNKNOWN = 4


class MWL(Enum):
    """Where an attribute stands in a worklist entry."""

    ROOT = auto()
    STEP = auto()
    """In the item of the Scheduled Procedure Step Sequence (0040,0100)."""


class UPS(Enum):
    """Where an attribute stands in a Unified Procedure Step."""

    ROOT = auto()
    REQUEST = auto()
    """In the item of the Referenced Request Sequence (0040,A370)."""
    ROOT_AND_REQUEST = auto()
    START = auto()
    """Date and time, one after the other, in Scheduled Procedure Step Start DateTime (0040,4005)."""
    LABEL = auto()
    """Procedure Step Label (0074,1204)."""
    STATION = auto()
    """A code of Scheduled Station Name Code Sequence (0040,4025)."""
    STATION_CLASS = auto()
    """A code of Scheduled Station Class Code Sequence (0040,4026)."""
    PERFORMER = auto()
    """Human Performer's Name in Scheduled Human Performers Sequence (0040,4034)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a workitem, and its places."""

    keyword: str
    vr: str
    mwl: MWL
    ups: UPS
    required: bool = False
    """A workitem cannot be made without it."""
    many: bool = False
    """Value multiplicity 1-n."""
    always_shown: bool = True
    """Whether the worklist entry carries it when it is empty, too."""

    @property
    def tag(self) -> str:
        """Its tag as eight hexadecimal digits."""
        return tag(self.keyword)

    @property
    def attribute(self) -> str:
        """Its name in `NewWorkitem`: `PatientID` → `patient_id`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.keyword).lower()


# ScheduledProcedureStepID has no place in a UPS by either source. It goes where Request Attributes Sequence
# (0040,0275) has it, beside RequestedProcedureID: PS3.4 Table CC.2.5-3 admits other attributes in the item of the
# Referenced Request Sequence, and servers keep sequences whole where they drop unknown or private root attributes.
FIELDS = (
    Field("AccessionNumber", "SH", MWL.ROOT, UPS.REQUEST, required=True),
    Field("ReferringPhysicianName", "PN", MWL.ROOT, UPS.REQUEST),
    Field("PatientName", "PN", MWL.ROOT, UPS.ROOT, required=True),
    Field("PatientID", "LO", MWL.ROOT, UPS.ROOT, required=True),
    Field("PatientBirthDate", "DA", MWL.ROOT, UPS.ROOT),
    Field("PatientSex", "CS", MWL.ROOT, UPS.ROOT),
    Field("MedicalAlerts", "LO", MWL.ROOT, UPS.ROOT, many=True),
    Field("PregnancyStatus", "US", MWL.ROOT, UPS.ROOT),
    Field("StudyInstanceUID", "UI", MWL.ROOT, UPS.ROOT_AND_REQUEST, required=True),
    Field("RequestingPhysician", "PN", MWL.ROOT, UPS.REQUEST),
    Field("RequestedProcedureDescription", "LO", MWL.ROOT, UPS.REQUEST),
    Field("AdmissionID", "LO", MWL.ROOT, UPS.ROOT),
    Field("ServiceEpisodeID", "LO", MWL.ROOT, UPS.ROOT, always_shown=False),
    Field("CurrentPatientLocation", "LO", MWL.ROOT, UPS.ROOT),
    Field("PatientState", "LO", MWL.ROOT, UPS.ROOT),
    Field("Modality", "CS", MWL.STEP, UPS.STATION_CLASS, required=True),
    Field("ScheduledStationAETitle", "AE", MWL.STEP, UPS.STATION, required=True, many=True),
    Field("ScheduledProcedureStepStartDate", "DA", MWL.STEP, UPS.START, required=True),
    Field("ScheduledProcedureStepStartTime", "TM", MWL.STEP, UPS.START, required=True),
    Field("ScheduledPerformingPhysicianName", "PN", MWL.STEP, UPS.PERFORMER),
    Field("ScheduledProcedureStepDescription", "LO", MWL.STEP, UPS.LABEL, required=True),
    Field("ScheduledProcedureStepID", "SH", MWL.STEP, UPS.REQUEST),
    Field("ScheduledStationName", "SH", MWL.STEP, UPS.STATION, many=True),
    Field("RequestedProcedureID", "SH", MWL.ROOT, UPS.REQUEST),
    Field("PlacerOrderNumberImagingServiceRequest", "LO", MWL.ROOT, UPS.REQUEST),
    Field("ConfidentialityConstraintOnPatientDataDescription", "LO", MWL.ROOT, UPS.ROOT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkitem:
    """What a workitem is made from. Names are DICOM PN: `family^given^middle^prefix^suffix`."""

    study_instance_uid: str
    patient_id: str
    patient_name: str
    accession_number: str
    modality: str
    scheduled_station_ae_title: str
    scheduled_procedure_step_description: str
    scheduled_procedure_step_start_date: dt.date
    scheduled_procedure_step_start_time: dt.time
    scheduled_procedure_step_id: str | None = None
    scheduled_station_name: str | None = None
    scheduled_performing_physician_name: str | None = None
    requested_procedure_id: str | None = None
    requested_procedure_description: str | None = None
    requesting_physician: str | None = None
    referring_physician_name: str | None = None
    admission_id: str | None = None
    service_episode_id: str | None = None
    current_patient_location: str | None = None
    patient_birth_date: dt.date | None = None
    patient_sex: str | None = None
    confidentiality_constraint_on_patient_data_description: str | None = None
    patient_state: str | None = None
    pregnancy_status: PregnancyStatus | None = None
    medical_alerts: tuple[str, ...] = ()
    placer_order_number_imaging_service_request: str | None = None


class BadWorkitem(BadAttribute):
    """One or more values that their VR forbids, or that are missing; `errors` has them all."""

    def __init__(self, errors: tuple[BadAttribute, ...]) -> None:
        super().__init__(errors[0].name, "; ".join(str(error) for error in errors).removeprefix(f"{errors[0].name}: "))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Workitem:
    """A workitem as the PACS has it. `dataset` is the worklist entry (MWL), whatever the PACS keeps it as."""

    state: WorkitemState
    dataset: Dataset
    workitem_uid: str | None = None
    """The UPS instance, where the PACS keys workitems by their own UID."""
    resource: str | None = None
    """What the PACS calls it, where that is neither the UPS instance nor the study."""

    @property
    def step(self) -> Dataset:
        """The item of the Scheduled Procedure Step Sequence; empty when there is none."""
        return next(self.dataset.items("ScheduledProcedureStepSequence"), Dataset({}))

    @property
    def study_instance_uid(self) -> str | None:
        """The study that the examination will be."""
        return self.dataset.text("StudyInstanceUID")

    @property
    def patient_id(self) -> str | None:
        """The patient, exactly as the PACS has it."""
        return self.dataset.text("PatientID")

    @property
    def scheduled_at(self) -> str:
        """Date and time as `YYYYMMDDHHMMSS.ffffff` in the PACS's local time; sorts by time, empty when unknown."""
        date = self.step.date("ScheduledProcedureStepStartDate")
        time = self.step.time("ScheduledProcedureStepStartTime") or dt.time()
        day = date.isoformat().replace("-", "") if date else ""
        return f"{day}{time:%H%M%S}.{time.microsecond:06d}" if day else ""

"""A workitem: one examination that is scheduled, what one is made from, and its state."""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pacs.attributes import Dataset
from pacs.errors import BadAttribute


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

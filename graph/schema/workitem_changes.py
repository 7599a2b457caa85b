"""Scheduling an examination, and withdrawing it."""

import dataclasses
import datetime as dt
from typing import Any

import strawberry

from graph.access_records.actions import CANCEL_WORKITEM, CREATE_WORKITEM
from graph.context import Info
from graph.errors import bad_input
from graph.schema.naming import field_name
from graph.schema.scalars import UID
from graph.schema.uids import issue_uids
from graph.schema.workitems import Workitem, node_of
from pacs import workitem as model
from pacs.workitem import PregnancyStatus
from pacs.workitem_check import checked


@strawberry.input(description="An examination to be scheduled.")
class CreateWorkitemInput:
    """Names are DICOM PN: family^given^middle^prefix^suffix."""

    patient_id: str
    patient_name: str = strawberry.field(description="DICOM PN: family^given^middle^prefix^suffix.")
    scheduled_station_ae_title: str = strawberry.field(name="scheduledStationAETitle")
    scheduled_procedure_step_description: str
    scheduled_procedure_step_start_date: dt.date
    scheduled_procedure_step_start_time: dt.time
    modality: str
    accession_number: str
    study_instance_uid: UID | None = strawberry.field(
        default=strawberry.UNSET, description="Made by the service when left out."
    )
    scheduled_station_name: str | None = strawberry.UNSET
    scheduled_procedure_step_id: str | None = strawberry.UNSET
    scheduled_performing_physician_name: str | None = strawberry.UNSET
    requested_procedure_id: str | None = strawberry.UNSET
    requested_procedure_description: str | None = strawberry.UNSET
    requesting_physician: str | None = strawberry.UNSET
    referring_physician_name: str | None = strawberry.UNSET
    admission_id: str | None = strawberry.UNSET
    service_episode_id: str | None = strawberry.UNSET
    current_patient_location: str | None = strawberry.UNSET
    patient_birth_date: dt.date | None = strawberry.UNSET
    patient_sex: str | None = strawberry.UNSET
    confidentiality_constraint_on_patient_data_description: str | None = strawberry.UNSET
    patient_state: str | None = strawberry.UNSET
    pregnancy_status: PregnancyStatus | None = strawberry.UNSET
    medical_alerts: list[str] | None = strawberry.UNSET
    placer_order_number_imaging_service_request: str | None = strawberry.UNSET

    def new(self, study_instance_uid: str) -> model.NewWorkitem:
        """The workitem that is asked for."""
        given: dict[str, Any] = {field.name: getattr(self, field.name) or None for field in dataclasses.fields(self)}
        given |= {
            "study_instance_uid": study_instance_uid,
            "medical_alerts": tuple(self.medical_alerts or ()),
        }
        return model.NewWorkitem(**given)


@strawberry.type(description="The new workitem.")
class CreateWorkitemPayload:
    """What createWorkitem answers."""

    workitem: Workitem


@strawberry.type(description="What was withdrawn.")
class DeleteWorkitemPayload:
    """What deleteWorkitem answers."""

    study_instance_uid: UID


@strawberry.type
class WorkitemMutations:
    """The part of Mutation that changes the worklist."""

    @strawberry.mutation(description="Schedules an examination. CONFLICT when its study is scheduled already.")
    async def create_workitem(self, info: Info, input: CreateWorkitemInput) -> CreateWorkitemPayload:
        """Checks all fields, then makes the workitem in the PACS."""
        study = input.study_instance_uid or (await issue_uids(info, 1))[0]
        try:
            values = checked(input.new(study))
        except model.BadWorkitem as error:
            raise _bad_fields(error) from None
        created = node_of(await info.context.worklist.create(values))
        info.context.trail.note(CREATE_WORKITEM, input.patient_id, study)
        return CreateWorkitemPayload(workitem=created)

    @strawberry.mutation(
        description="Withdraws what is scheduled. NOT_FOUND when nothing is, CONFLICT when it is in progress."
    )
    async def delete_workitem(self, info: Info, study_instance_uid: UID) -> DeleteWorkitemPayload:
        """Cancels the workitem of a study in the PACS."""
        found = await info.context.worklist.find(study_instance_uid)
        await info.context.worklist.delete(study_instance_uid)
        info.context.trail.note(CANCEL_WORKITEM, found.patient_id if found else None, study_instance_uid)
        return DeleteWorkitemPayload(study_instance_uid=study_instance_uid)


def _bad_fields(error: model.BadWorkitem) -> Exception:
    names = [field_name(one.name) for one in error.errors]
    reasons = [str(one).removeprefix(f"{one.name}: ") for one in error.errors]
    message = "; ".join(f"{name}: {reason}" for name, reason in zip(names, reasons, strict=True))
    return bad_input(message, fields=names)

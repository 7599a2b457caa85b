"""New exams: the stored events, and the live ones."""

import datetime as dt
from collections.abc import AsyncGenerator
from dataclasses import field
from typing import Any

import strawberry
from cachetools import LRUCache

from graph.access_records.actions import READ_EVENT, RECEIVE_EVENT
from graph.context import Info
from graph.engine.selections import Completion
from graph.errors import bad_input
from graph.schema.attributes import PersonName, attribute, computed, dicom_type
from graph.schema.exam_queries import find_study
from graph.schema.exams import Study
from graph.schema.pagination import Cursors, PageInfo, check_first
from graph.schema.scalars import UID
from pacs.announcement import Announcement
from pacs.attributes import Dataset
from pacs.queries import exact
from persistence import records
from persistence.errors import CursorExpired
from persistence.filters import MAX_MODALITIES

_CURSORS = Cursors("event", (int,))
_KEPT = 64
"""Events that are read once for all who are told of them; a burst may have so many under way."""


@dicom_type("A new or changed exam, as the PACS announced it.")
class ExamEvent:
    """One stored event; its attributes are read from what the PACS posted."""

    record: strawberry.Private[records.ExamEvent]
    announcement: strawberry.Private[Announcement]
    completed: strawberry.Private[tuple[Completion, dict[str, Any]] | None] = field(
        default=None, init=False, repr=False, compare=False
    )

    cursor: str = computed(
        lambda self: _CURSORS.encode((self.record.sequence,)), description="Resumes after this event."
    )
    received_at: dt.datetime = computed(lambda self: self.record.received_at)
    source_id: str | None = computed(lambda self: self.announcement.text("SourceID"))
    event_type: str | None = computed(lambda self: self.announcement.text("EventType"))
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
    ae_titles: list[str] = computed(lambda self: self.announcement.texts("AeTitles"))
    station_names: list[str] = computed(lambda self: self.announcement.texts("StationNames"))
    number_of_study_related_series: int | None = attribute("NumberOfStudyRelatedSeries")
    number_of_study_related_instances: int | None = attribute("NumberOfStudyRelatedInstances")

    @property
    def dataset(self) -> Dataset:
        """The announced attributes."""
        return self.announcement.dataset

    @classmethod
    def of(cls, record: records.ExamEvent) -> "ExamEvent":
        """The GraphQL side of a stored event: one for all subscribers, who are given the same record."""
        known = _NEWEST.get(record.sequence)
        if known is None or known.record is not record:
            known = _NEWEST[record.sequence] = cls(record=record, announcement=Announcement(record.body))
        return known

    @strawberry.field(description="The study itself, read from the PACS now.")
    async def study(self, info: Info) -> Study | None:
        """Null when the PACS does not have it (any more)."""
        return await find_study(info, self.record.patient_id, self.record.study_instance_uid)


_NEWEST: LRUCache[int, ExamEvent] = LRUCache(_KEPT)


@strawberry.type(description="An event and its place in the log.")
class ExamEventEdge:
    """Relay's edge."""

    cursor: str
    node: ExamEvent


@strawberry.type(description="A page of events.")
class ExamEventConnection:
    """Relay's connection."""

    edges: list[ExamEventEdge]
    nodes: list[ExamEvent]
    page_info: PageInfo


@strawberry.type
class ExamEventQueries:
    """The part of Query that reads the event log."""

    @strawberry.field(description="Oldest first; `after` is the cursor of the last event seen.")
    async def exam_events(
        self,
        info: Info,
        patient_id: str | None = strawberry.UNSET,
        modalities: list[str] | None = strawberry.UNSET,
        first: int = 50,
        after: str | None = strawberry.UNSET,
    ) -> ExamEventConnection:
        """One page of the log."""
        sequence = _sequence(after)
        found = await info.context.store.events_after(
            sequence,
            limit=check_first(first) + 1,
            patient_id=_patient_id(patient_id),
            modalities=_modalities(modalities),
        )
        if not found and sequence is not None and sequence > await info.context.store.last_sequence():
            raise CursorExpired("after is a cursor of another event log")
        for record in found[:first]:
            info.context.trail.note(READ_EVENT, record.patient_id, record.study_instance_uid)
        keys = [(record.sequence,) for record in found[:first]]
        page = _CURSORS.page(found[:first], keys, more=len(found) > first, after=after or None)
        nodes = [ExamEvent.of(record) for record in page.rows]
        edges = [ExamEventEdge(cursor=cursor, node=node) for cursor, node in zip(page.cursors, nodes, strict=True)]
        return ExamEventConnection(edges=edges, nodes=nodes, page_info=page.info)


@strawberry.type
class ExamEventSubscriptions:
    """The part of Subscription that tells of new exams."""

    @strawberry.subscription(
        description="New exams from now on; with `after`, first all since that cursor, then live: no gap, no repeat."
    )
    async def new_exam(
        self,
        info: Info,
        patient_id: str | None = strawberry.UNSET,
        modalities: list[str] | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> AsyncGenerator[ExamEvent, None]:
        """Events as they are stored."""
        subscription = info.context.feed.subscribe(
            _sequence(after), patient_id=_patient_id(patient_id), modalities=_modalities(modalities)
        )
        async with subscription:
            async for record in subscription:
                info.context.forget_loaded()
                info.context.trail.note(RECEIVE_EVENT, record.patient_id, record.study_instance_uid)
                yield ExamEvent.of(record)


def _sequence(after: str | None) -> int | None:
    if not after:
        return None
    (sequence,) = _CURSORS.decode(after)
    return int(sequence)


def _patient_id(patient_id: str | None) -> str | None:
    """The filter; an empty patientID is refused, since a client that lost it must not be shown everybody's events."""
    if patient_id is strawberry.UNSET or patient_id is None:
        return None
    return exact("patientID", patient_id)


def _modalities(modalities: list[str] | None) -> list[str] | None:
    if not modalities:
        return None
    if len(modalities) > MAX_MODALITIES:
        raise bad_input(f"modalities has {len(modalities)} entries, at most {MAX_MODALITIES} are allowed")
    return modalities

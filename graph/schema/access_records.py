"""Access records: who saw or changed which patient's data."""

import datetime as dt

import strawberry

from graph.access_records import actions
from graph.access_records.trail import AccessOutcome
from graph.context import Info
from graph.errors import bad_input
from graph.schema.pagination import Cursors, PageInfo, check_first
from graph.schema.principal import Role
from graph.schema.scalars import UID
from persistence import records

_PATIENCE_SECONDS = 2.0
"""For what this process has not written yet; other replicas' records come within a second."""
_CURSORS = Cursors("access", (str,))

strawberry.enum(AccessOutcome, description="How an access ended.")


@strawberry.type(description="One access to one patient's data.")
class AccessRecord:
    """The GraphQL side of a stored record."""

    occurred_at: dt.datetime
    subject: str = strawberry.field(description="Who it was; `anonymous` was turned away.")
    role: Role
    action: str = strawberry.field(description="source:subject:action, e.g. graphql:study:read.")
    event_id: str | None = strawberry.field(
        name="eventID", description="DICOM's audit event (PS3.15 A.5.3), e.g. 110103, DICOM Instances Accessed."
    )
    event_action_code: str | None = strawberry.field(description="C, R, U, D or E (PS3.15 A.5.2).")
    patient_id: str | None
    study_instance_uid: UID | None
    outcome: AccessOutcome
    request_id: str
    address: str | None

    @classmethod
    def of(cls, record: records.AccessRecord) -> "AccessRecord":
        """The GraphQL side of a stored record."""
        action = actions.ACTIONS.get(record.action)
        return cls(
            occurred_at=record.occurred_at,
            subject=record.subject,
            role=Role(record.role),
            action=record.action,
            event_id=action.event.value if action else None,
            event_action_code=action.code if action else None,
            patient_id=record.patient_id,
            study_instance_uid=UID(record.study_instance_uid) if record.study_instance_uid else None,
            outcome=AccessOutcome(record.outcome),
            request_id=record.request_id,
            address=record.address,
        )


@strawberry.type(description="An access record and its place in the list.")
class AccessRecordEdge:
    """Relay's edge."""

    cursor: str
    node: AccessRecord


@strawberry.type(description="A page of access records.")
class AccessRecordConnection:
    """Relay's connection."""

    edges: list[AccessRecordEdge]
    nodes: list[AccessRecord]
    page_info: PageInfo


@strawberry.type
class AccessRecordQueries:
    """The part of Query that reads access records."""

    @strawberry.field(description="Who saw or changed which patient's data; newest first. ADMIN only.")
    async def access_records(
        self,
        info: Info,
        patient_id: str | None = strawberry.UNSET,
        subject: str | None = strawberry.UNSET,
        from_: dt.datetime | None = strawberry.UNSET,
        to: dt.datetime | None = strawberry.UNSET,
        first: int = 50,
        after: str | None = strawberry.UNSET,
    ) -> AccessRecordConnection:
        """One page; `from` ≤ time < `to`."""
        since, until = from_ or None, to or None
        if since and until and until < since:
            raise bad_input("to is before from")
        wanted = {"patient_id": patient_id, "subject": subject}
        await info.context.services.access_log.flush(_PATIENCE_SECONDS)
        found = await info.context.store.access_records(
            limit=check_first(first) + 1,
            **{name: value for name, value in wanted.items() if isinstance(value, str)},
            since=since,
            until=until,
            before=str(_CURSORS.decode(after)[0]) if after else None,
        )
        info.context.trail.note(actions.READ_RECORDS, patient_id or None)
        shown = found[:first]
        page = _CURSORS.page(shown, [(one.id,) for one in shown], more=len(found) > first, after=after or None)
        nodes = [AccessRecord.of(record) for record in page.rows]
        edges = [AccessRecordEdge(cursor=cursor, node=node) for cursor, node in zip(page.cursors, nodes, strict=True)]
        return AccessRecordConnection(edges=edges, nodes=nodes, page_info=page.info)

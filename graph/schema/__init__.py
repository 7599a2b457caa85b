"""The GraphQL schema: a type with its queries and mutations, a file each; put together here."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLError

from graph.access_records.operations import note_errors
from graph.context import Context
from graph.engine.cost import FieldCost
from graph.engine.limits import Limits
from graph.engine.schema import ContractSchema, build_schema
from graph.schema.access_records import AccessRecordQueries
from graph.schema.exam_events import ExamEventQueries, ExamEventSubscriptions
from graph.schema.exam_queries import ExamQueries
from graph.schema.exam_uploads import ExamUploadMutations
from graph.schema.naming import ContractNames
from graph.schema.permissions import hold_to_table
from graph.schema.principal import PrincipalQueries
from graph.schema.scalars import SCALARS
from graph.schema.uids import UidMutations
from graph.schema.viewer_tokens import ViewerTokenMutations
from graph.schema.webhook_deliveries import WebhookDeliveryMutations, WebhookDeliveryQueries
from graph.schema.workitem_changes import WorkitemMutations
from graph.schema.workitems import WorkitemQueries


@strawberry.type
class Query(
    AccessRecordQueries, WebhookDeliveryQueries, WorkitemQueries, ExamQueries, ExamEventQueries, PrincipalQueries
):
    """Everything that can be read."""


@strawberry.type
class Mutation(WebhookDeliveryMutations, WorkitemMutations, ExamUploadMutations, ViewerTokenMutations, UidMutations):
    """Everything that can be changed."""


@strawberry.type
class Subscription(ExamEventSubscriptions):
    """Everything that can be waited for."""


COSTS = {
    "Query.studies": FieldCost(requests=1),
    "Query.study": FieldCost(requests=1),
    "Query.series": FieldCost(requests=1, rows=5),
    "Query.instances": FieldCost(requests=1, rows=100),
    "Query.instance": FieldCost(requests=1),
    "Study.series": FieldCost(requests=1, rows=5, batched=True),
    "Series.instances": FieldCost(requests=1, rows=100, batched=True),
    "Query.workitems": FieldCost(requests=1),
    "Query.workitem": FieldCost(requests=1),
    "Query.examEvents": FieldCost(),
    "Query.webhookDeliveries": FieldCost(),
    "Query.accessRecords": FieldCost(),
    "ExamEvent.study": FieldCost(requests=1),
    "Workitem.study": FieldCost(requests=2),
}
"""What fields cost the PACS, and which bring as many objects as `first` says: what asks too much is refused before any
request is sent.

Thumbnails are not counted: how many instances there are is not known before, and few are made at a time.
"""


def contract_schema(
    limits: Limits | None = None, *, introspection: bool = True, compiled_selections: bool = True
) -> ContractSchema:
    """The schema of the contract."""
    schema = build_schema(
        Query,
        Mutation,
        Subscription,
        limits=limits,
        introspection=introspection,
        compiled_selections=compiled_selections,
        costs=COSTS,
        scalars=SCALARS,
        name_converter=ContractNames(),
        on_errors=_note_errors,
    )
    hold_to_table(schema)
    return schema


def _note_errors(context: Any, errors: list[GraphQLError], variables: Mapping[str, Any] | None) -> None:
    if isinstance(context, Context):
        note_errors(context.trail, errors, variables)

"""The GraphQL schema: a type with its queries and mutations, a file each; put together here."""

import strawberry

from graph.engine.limits import Limits
from graph.engine.schema import ContractSchema, build_schema
from graph.schema.exam_events import ExamEventQueries, ExamEventSubscriptions
from graph.schema.exam_queries import ExamQueries
from graph.schema.exam_uploads import ExamUploadMutations
from graph.schema.naming import ContractNames
from graph.schema.principal import PrincipalQueries
from graph.schema.scalars import SCALARS
from graph.schema.uids import UidMutations
from graph.schema.workitem_changes import WorkitemMutations
from graph.schema.workitems import WorkitemQueries


@strawberry.type
class Query(WorkitemQueries, ExamQueries, ExamEventQueries, PrincipalQueries):
    """Everything that can be read."""


@strawberry.type
class Mutation(WorkitemMutations, ExamUploadMutations, UidMutations):
    """Everything that can be changed."""


@strawberry.type
class Subscription(ExamEventSubscriptions):
    """Everything that can be waited for."""


def contract_schema(limits: Limits | None = None, *, introspection: bool = True) -> ContractSchema:
    """The schema of the contract."""
    return build_schema(
        Query,
        Mutation,
        Subscription,
        limits=limits,
        introspection=introspection,
        scalars=SCALARS,
        name_converter=ContractNames(),
    )

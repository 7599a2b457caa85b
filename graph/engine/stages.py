"""The stages of an operation before it is executed: parsing and validating, with what is kept of documents."""

from collections.abc import Callable

from graphql import GraphQLError, get_operation_ast
from strawberry.extensions.context import ParsingContextManager, ValidationContextManager
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types import ExecutionContext

from graph.engine.documents import Document, Documents
from graph.engine.errors import no_operation
from graph.engine.operation import current_operation
from graph.engine.plans import current_plans


class Stages(SchemaExtensionsRunner):
    """Gives strawberry the kept document in place of parsing and validating, and refuses what costs too much.

    In the place of an extension, of whose hooks strawberry would make context managers anew for every operation. Only
    for operations that are executed asynchronously, as all are.
    """

    def __init__(self, context: ExecutionContext, documents: Documents) -> None:
        super().__init__(context)
        self._documents = documents
        self._document: Document | None = None

    def parsing(self) -> ParsingContextManager:
        """See strawberry."""
        return _Parsing(self._find, self._describe)

    def validation(self) -> ValidationContextManager:
        """See strawberry."""
        return _Validation(self._check)

    def _find(self) -> None:
        """Before parsing: gives strawberry the document, if it is kept."""
        context = self.execution_context
        self._document = self._documents.kept(context.query or "")
        if self._document is not None:
            self._document.plans.used_before = True
            context.graphql_document = self._document.syntax
        else:
            context.parse_options["max_tokens"] = self._documents.limits.max_tokens

    def _describe(self) -> None:
        """After parsing: says which operation it is."""
        context = self.execution_context
        node = context.graphql_document and get_operation_ast(context.graphql_document, context.operation_name)
        if node and (operation := current_operation.get()):
            operation.describe(node)

    def _check(self) -> None:
        """In place of validating: the errors of the request, if any, are the context's."""
        context = self.execution_context
        assert context.graphql_document is not None  # noqa: S101  # strawberry validates only what it has parsed
        if self._document is None:
            checked = self._documents.check(context.schema._schema, context.query or "", context.graphql_document)
            if isinstance(checked, list):
                context.pre_execution_errors = checked
                return
            self._document = checked
        current_plans.set(self._document.plans)
        context.pre_execution_errors = self._objections(self._document)

    def _objections(self, document: Document) -> list[GraphQLError]:
        # strawberry's own `operation_name` is the first operation's where the request names none of several
        operation = get_operation_ast(document.syntax, self.execution_context._provided_operation_name)
        if operation is None:
            return [no_operation()]
        try:
            document.cost(operation).check(self.execution_context.variables or {}, self._documents.limits)
        except GraphQLError as error:
            return [error]
        return []


class _Stage:
    """What is done before and after a stage of strawberry's."""

    def __init__(self, before: Callable[[], None], after: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._after = after

    async def __aenter__(self) -> None:
        self._before()

    async def __aexit__(self, *_: object) -> None:
        self._after()


class _Parsing(_Stage, ParsingContextManager):
    """The type that strawberry wants."""


class _Validation(_Stage, ValidationContextManager):
    """The type that strawberry wants."""

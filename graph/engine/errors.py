"""What a client sees of an error, and what the log keeps of it.

Every error of an answer passes `contract_errors` once, and leaves it in one of three ways:

    the contract's own (ContractError, or what graph.errors translates): its code and message, at its place
    a request that GraphQL refuses: GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED or
        BAD_USER_INPUT; the message is kept, the value sent is not
    anything else: INTERNAL_SERVER_ERROR, masked, with `requestID`

Masked errors are logged once for each place in the code that raised them: type and stack, never the message, for a
message may quote a dataset.
"""

import re
import uuid
from collections.abc import Iterable
from traceback import extract_tb

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from graphql.language import ArgumentNode, ValueNode
from strawberry.schema.exceptions import CannotGetOperationTypeError

from graph.errors import ContractError, ErrorCode, translate
from graph.logs import request_id

log = structlog.get_logger(__name__)

_SUBJECT = re.compile(r"(?:Variable '\$\w+'|Argument '\w+') has invalid value(?: at [\w.\[\]]+)?: ")
_QUOTED_VALUE = re.compile(
    r"[,;] found:? .*|, but encountered error .*| value: .*|(?<=^Value )'.*' (?=does not exist)", re.DOTALL
)
"""Where graphql-core's messages quote what was sent."""
_LONGEST_MESSAGE = 500


def contract_errors(errors: Iterable[GraphQLError] | None) -> list[GraphQLError]:
    """The same errors as the contract has them: each with `code` and `status`, none with more than it may tell."""
    logged: set[tuple[str, str]] = set()
    return [_contract_error(error, logged) for error in errors or ()]


def masked(error: BaseException, path: Iterable[str | int] | None = None) -> ContractError:
    """The contract's error for an unexpected failure, which is logged under the same request id."""
    current = request_id.get() or uuid.uuid4().hex
    _log(error, path, current)
    return _internal(current)


def request_error(error: GraphQLError, code: ErrorCode) -> GraphQLError:
    """A refusal of the request itself, at the error's place in the document, without the values sent."""
    return _placed(error, ContractError(code, without_value(error.message)))


def without_value(message: str) -> str:
    """graphql-core's message up to where it begins to quote a value."""
    subject = _SUBJECT.match(message)
    start = subject.end() if subject else 0
    return (message[:start] + _QUOTED_VALUE.sub("", message[start:]))[:_LONGEST_MESSAGE].rstrip(".") + "."


def no_operation() -> ContractError:
    """The refusal of a document without the operation asked for, or with several and none asked for."""
    return ContractError(
        ErrorCode.GRAPHQL_VALIDATION_FAILED, "`operationName` must name one of the document's operations."
    )


def _contract_error(error: GraphQLError, logged: set[tuple[str, str]]) -> GraphQLError:
    cause = _cause(error)
    if (known := translate(cause)) is not None:
        return _placed(error, known)
    if isinstance(cause, CannotGetOperationTypeError):
        return no_operation()
    if isinstance(cause, GraphQLSyntaxError):
        return request_error(error, ErrorCode.GRAPHQL_PARSE_FAILED)
    if isinstance(cause, GraphQLError) and error.path is None:
        return request_error(error, ErrorCode.GRAPHQL_VALIDATION_FAILED)
    if isinstance(cause, GraphQLError) and _is_about_an_argument(cause):
        return request_error(error, ErrorCode.BAD_USER_INPUT)
    current = request_id.get() or uuid.uuid4().hex
    place = (type(cause).__name__, (_frames(cause) or [""])[-1])
    if place not in logged:
        logged.add(place)
        _log(cause, error.path, current)
    return _placed(error, _internal(current))


def _cause(error: GraphQLError) -> BaseException:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and not isinstance(cause, ContractError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_about_an_argument(error: GraphQLError) -> bool:
    return any(isinstance(node, ArgumentNode | ValueNode) for node in error.nodes or ())


def _placed(error: GraphQLError, contract: ContractError) -> GraphQLError:
    return GraphQLError(
        contract.message, error.nodes, error.source, error.positions, error.path, contract, contract.extensions
    )


def _internal(current_request_id: str) -> ContractError:
    return ContractError(ErrorCode.INTERNAL_SERVER_ERROR, "Internal server error.", requestID=current_request_id)


def _log(error: BaseException, path: Iterable[str | int] | None, current_request_id: str) -> None:
    log.error(
        "unexpected error",
        request_id=current_request_id,
        error=type(error).__qualname__,
        causes=[type(cause).__qualname__ for cause in _chain(error)],
        path=".".join(map(str, path or ())),
        frames=_frames(error),
    )


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]

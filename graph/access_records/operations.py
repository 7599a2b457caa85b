"""Accesses by GraphQL that were denied or failed, from the errors of the operation."""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import FieldNode, GraphQLError, value_from_ast_untyped

from graph.access_records.actions import FIELDS
from graph.access_records.trail import AccessOutcome, Trail
from graph.errors import ErrorCode

_OUTCOMES = {
    ErrorCode.UNAUTHENTICATED: AccessOutcome.DENIED,
    ErrorCode.FORBIDDEN: AccessOutcome.DENIED,
    ErrorCode.NOT_FOUND: AccessOutcome.FAILED,
    ErrorCode.CONFLICT: AccessOutcome.FAILED,
    ErrorCode.PACS_UNAUTHORIZED: AccessOutcome.FAILED,
    ErrorCode.PACS_UNAVAILABLE: AccessOutcome.FAILED,
    ErrorCode.PACS_TIMEOUT: AccessOutcome.FAILED,
    ErrorCode.PACS_ERROR: AccessOutcome.FAILED,
    ErrorCode.INTERNAL_SERVER_ERROR: AccessOutcome.FAILED,
}
"""The other codes refuse a request for its form: nobody's data was asked for."""


def note_errors(trail: Trail, errors: Iterable[GraphQLError], variables: Mapping[str, Any] | None) -> None:
    """Records what the errors of an answer say was denied or failed."""
    for error in errors:
        outcome = _OUTCOMES.get((error.extensions or {}).get("code", ""))
        node = next((node for node in error.nodes or () if isinstance(node, FieldNode)), None)
        action = FIELDS.get(node.name.value) if node else None
        if outcome is None or node is None or action is None:
            continue
        asked = _arguments(node, variables or {})
        trail.note(action, asked.get("patientID") or trail.only_patient, asked.get("studyInstanceUID"), outcome)


def _arguments(node: FieldNode, variables: Mapping[str, Any]) -> dict[str, str]:
    """The field's texts by name, those within `input` included."""
    given = {one.name.value: value_from_ast_untyped(one.value, dict(variables)) for one in node.arguments or ()}
    inner = given.pop("input", None)
    given |= inner if isinstance(inner, dict) else {}
    return {name: value for name, value in given.items() if isinstance(value, str)}

"""Holds every root field to the table in `graph.access`, before its resolver runs and the PACS is asked anything.

It wraps the fields of the finished schema, so that no resolver is without it, whichever way it is executed. A PATIENT's
fence is the argument `patientID`: it must be their own, and is where it is left out. A field that has no such argument
gives one object that says whose it is; another patient's is as if it were not there.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from graph.access import FIELDS, NOBODY, Identity, Permission
from graph.context import Context
from graph.errors import ContractError, ErrorCode

_ARGUMENT = "patientID"
Resolve = Callable[..., Any]


def hold_to_table(schema: strawberry.Schema) -> None:
    """Wraps every field of Query, Mutation and Subscription; raises TypeError where a patient could not be fenced."""
    core: GraphQLSchema = schema._schema  # no public name gives it
    for type_ in (core.query_type, core.mutation_type):
        for name, field in type_.fields.items() if type_ else ():
            field.resolve = _guarded(_Guard(f"{type_}.{name}", field), field.resolve)
    if core.subscription_type:
        for name, field in core.subscription_type.fields.items():
            guard = _Guard(f"{core.subscription_type}.{name}", field)
            field.subscribe = _guarded_stream(guard, field.subscribe)


class _Guard:
    def __init__(self, name: str, field: GraphQLField) -> None:
        self._name = name
        self._row = FIELDS.get(name, NOBODY)
        self._takes_patient = _ARGUMENT in field.args
        is_for_own = Permission.OWN in {self._row.patient, self._row.diagnostic, self._row.integration, self._row.admin}
        if is_for_own and not self._takes_patient and not _tells_patient(field):
            raise TypeError(f"{name} is for a patient's own data, but nothing of it says whose it is")

    def admit(self, who: Identity, arguments: dict[str, Any]) -> bool:
        """Whether the answer is still to be checked; narrows the arguments; raises FORBIDDEN."""
        permission = self._row.of(who.role)
        if permission is Permission.DENIED:
            raise ContractError(ErrorCode.FORBIDDEN, f"{self._name} is not for the role {who.role.value}.")
        if permission is Permission.ALLOWED:
            return False
        if who.patient_id is None:
            raise ContractError(ErrorCode.FORBIDDEN, "A patient whose Patient ID is not known sees nothing.")
        if not self._takes_patient:
            return True
        asked = arguments.get(_ARGUMENT)
        if asked is not None and asked.strip(" ") != who.patient_id:
            raise ContractError(ErrorCode.FORBIDDEN, "A patient may ask for their own patientID alone.")
        arguments[_ARGUMENT] = who.patient_id
        return False


def _guarded(guard: _Guard, resolve: Resolve | None) -> Resolve:
    assert resolve is not None  # noqa: S101  # strawberry gives every field one

    def guarded(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        who = info.context.principal
        must_check = guard.admit(who, arguments)
        found = resolve(source, info, **arguments)
        if not must_check:
            return found
        return _awaited(who, found) if isawaitable(found) else _own(who, found)

    return guarded


def _guarded_stream(guard: _Guard, subscribe: Resolve | None) -> Resolve:
    assert subscribe is not None  # noqa: S101  # as above

    async def guarded(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> AsyncGenerator[Any, None]:
        context = info.context
        must_check = guard.admit(context.principal, arguments)
        found = subscribe(source, info, **arguments)
        events = await found if isawaitable(found) else found
        return _stream(context, events, must_check=must_check)

    return guarded


async def _stream(
    context: Context, events: AsyncGenerator[Any, None], *, must_check: bool
) -> AsyncGenerator[Any, None]:
    """The events, as long as the client is who it was."""
    async with aclosing(events):
        async for event in events:
            await context.check_still_known()
            if not must_check or _own(context.principal, event) is not None:
                yield event


async def _awaited(who: Identity, found: Awaitable[Any]) -> Any:
    return _own(who, await found)


def _own(who: Identity, found: Any) -> Any:
    return found if found is not None and who.may_see(found.patient_id) else None


def _tells_patient(field: GraphQLField) -> bool:
    """Whether the field gives one object, or none, that has a patientID."""
    return isinstance(field.type, GraphQLObjectType) and _ARGUMENT in field.type.fields

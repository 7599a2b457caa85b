"""A small schema with everything the engine serves: lists, arguments, failures, uploads, subscriptions."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from graph.engine.schema import ContractSchema, build_schema
from graph.engine.uploads import UploadedFile
from graph.engine.view import ContextMaker, GraphQLView
from graph.engine.view_options import ViewOptions
from graph.errors import ContractError, ErrorCode, bad_input
from pacs.errors import PacsTimeout

SECRET = "Doe^Jane 1970-01-01"
"""Stands for patient data: it must not appear in answers to others or in logs."""


@dataclass
class Trace:
    """What the resolvers saw, for tests to look at."""

    calls: list[str] = field(default_factory=list)
    uploads: list[UploadedFile] = field(default_factory=list)
    open_generators: int = 0


trace = Trace()


class Sex(Enum):
    F = "F"
    M = "M"


@strawberry.type
class Patient:
    patient_id: Annotated[str, strawberry.argument(name="patientID")]
    name: str | None

    @strawberry.field
    def friends(self, first: int = 10) -> list["Patient"]:
        return [Patient(patient_id=f"{self.patient_id}.{index}", name=None) for index in range(first)]


@strawberry.input
class PatientInput:
    name: str
    age: int
    sex: Sex | None = None


@strawberry.type
class Stored:
    filename: str | None
    size: int
    too_large: bool
    content: str


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello {name}"

    @strawberry.field
    def patients(self, first: int = 2) -> list[Patient]:
        return [Patient(patient_id=str(index), name=SECRET) for index in range(first)]

    @strawberry.field
    def state(self, sex: Sex) -> str:
        return sex.value

    @strawberry.field
    def file_size(self, file: UploadedFile | None = None) -> int:
        return file.size if file else 0

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(f"cannot read {SECRET}")

    @strawberry.field
    def timeout(self) -> str | None:
        raise PacsTimeout("The PACS did not answer in time.")

    @strawberry.field
    def forbidden(self) -> str:
        raise ContractError(ErrorCode.FORBIDDEN, "Not yours.")

    @strawberry.field
    def missing(self) -> str:
        return None  # type: ignore[return-value]  # the point: a resolver that breaks its promise

    @strawberry.field
    def odd_text(self) -> str:
        return "\ud800"

    @strawberry.field
    async def slow(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, patient: PatientInput) -> str:
        trace.calls.append("rename")
        return patient.name

    @strawberry.mutation
    async def upload(self, files: list[UploadedFile], fail: bool = False) -> list[Stored]:
        trace.uploads.extend(files)
        if fail:
            raise RuntimeError("the resolver fails with the files open")
        return [
            Stored(filename=file.filename, size=file.size, too_large=file.too_large, content=_start(file))
            for file in files
        ]


def _start(file: UploadedFile) -> str:
    return file.file.read(64).decode("latin-1")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int, delay_seconds: float = 0.0) -> AsyncIterator[int]:
        trace.open_generators += 1
        try:
            for number in range(to):
                await asyncio.sleep(delay_seconds)
                yield number
        finally:
            trace.open_generators -= 1

    @strawberry.subscription
    async def refused(self) -> AsyncIterator[int]:
        if os.environ:
            raise bad_input("`after` is not a cursor.")
        yield 1

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError(f"cannot read {SECRET}")


async def no_context(_: Any) -> dict[str, Any]:
    return {}


def sample_schema(**options: Any) -> ContractSchema:
    return build_schema(Query, Mutation, Subscription, **options)


def sample_app(
    options: ViewOptions | None = None,
    context: ContextMaker = no_context,
    schema: ContractSchema | None = None,
    **view_arguments: Any,
) -> Starlette:
    view = GraphQLView(schema or sample_schema(), context, options, **view_arguments)
    return Starlette(routes=[Route("/graphql", view), WebSocketRoute("/graphql", view)])

"""The contract's scalars, and how each is read and written.

Dates and times are read in ISO 8601 and in DICOM's own DA (`20000101`) and TM (`120000`), as many clients send them.
"""

import datetime as dt
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from pacs.attributes import parse_date, parse_time
from pacs.uids import is_uid

UID = NewType("UID", str)
DicomJSON = NewType("DicomJSON", dict[str, Any])


def _text(value: object, kind: str) -> str:
    if not isinstance(value, str):
        raise GraphQLError(f"{kind} must be a string")
    return value


def _parse_uid(value: object) -> str:
    """A UID; components with leading zeros pass, since files that older equipment made are stored under them."""
    text = _text(value, "a UID").strip()
    if not is_uid(text, lenient=True):
        raise GraphQLError("not a UID: digits and dots, at most 64 characters")
    return text


def _parse_date(value: object) -> dt.date:
    day = parse_date(_text(value, "a Date"))
    if day is None:
        raise GraphQLError("not a date: write YYYY-MM-DD or YYYYMMDD")
    return day


def _parse_time(value: object) -> dt.time:
    time = parse_time(_text(value, "a Time"))
    if time is None:
        raise GraphQLError("not a time of day: write HH:MM:SS or HHMMSS")
    return time


def _parse_datetime(value: object) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(_text(value, "a DateTime"))
    except ValueError:
        raise GraphQLError("not a DateTime: write ISO 8601, e.g. 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _refuse(_: object) -> Any:
    raise GraphQLError("DicomJSON is never an input")


def _write(value: dt.date | dt.time | dt.datetime) -> str:
    return value.isoformat()


SCALARS: dict[object, ScalarDefinition] = {
    UID: strawberry.scalar(
        name="UID",
        description="A DICOM unique identifier (PS3.5 ch. 9): digits and dots, at most 64 characters.",
        serialize=str,
        parse_value=_parse_uid,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="ISO 8601 date. A DICOM DA that is not a date reads as null; the original is in `dicom`.",
        serialize=_write,
        parse_value=_parse_date,
    ),
    dt.time: strawberry.scalar(
        name="Time", description="ISO 8601 time of day.", serialize=_write, parse_value=_parse_time
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="ISO 8601 date and time with its offset.",
        serialize=_write,
        parse_value=_parse_datetime,
    ),
    DicomJSON: strawberry.scalar(
        name="DicomJSON",
        description="A dataset in the DICOM JSON Model (PS3.18 Annex F), as the PACS sent it.",
        serialize=lambda dataset: dataset,
        parse_value=_refuse,
    ),
}

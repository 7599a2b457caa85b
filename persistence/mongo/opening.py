"""Connecting to MongoDB: what is asked of it, and how long for."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import pymongo
import structlog
from beanie import init_beanie
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from persistence.errors import StoreUnavailable, StoreUnusable
from persistence.mongo.collections import DOCUMENTS
from persistence.mongo.version import check_version, mark_version

log = structlog.get_logger(__name__)

_DATABASE = "dicom_graph"
_OPTIONS: dict[str, Any] = {
    "timeoutMS": 5_000,
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "appname": "dicom-graph",
}
"""Unless the URL says otherwise. What is not on the majority's disks could be rolled back after it was acknowledged."""
_LOOKED_UP, _LISTED = "mongodb+srv://", "mongodb://"
_RETRY_SECONDS = 0.5
_REFUSALS = frozenset({13, 18})
"""Unauthorized, AuthenticationFailed: asking again does not help."""


def connect(url: str) -> AsyncMongoClient[dict[str, object]]:
    """A client, which has not spoken to the server yet; raises `ValueError` for a URL that is none."""
    try:
        parsed = pymongo.uri_parser.parse_uri(url.replace(_LOOKED_UP, _LISTED, 1))  # without asking DNS yet
        given = {name.lower() for name in parsed["options"]}
        options = {name: value for name, value in _OPTIONS.items() if name.lower() not in given}
        return AsyncMongoClient(url, tz_aware=True, **options)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ValueError(f"the MongoDB URL cannot be used: {error}") from None


async def prepare(client: AsyncMongoClient[dict[str, object]], url: str, wait_seconds: float) -> None:
    """Makes the indexes that are missing; asks for `wait_seconds` again when nobody answers.

    Raises `StoreUnusable` when the server refuses the password, or a newer version made the database;
    `StoreUnavailable` when none has answered by then.
    """
    server = urlsplit(url).netloc.rpartition("@")[2]
    deadline = time.monotonic() + wait_seconds
    is_first = True
    while (failure := await _failure(client, server)) is not None:
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"no database answers at {server}: {type(failure).__name__}") from failure
        if is_first:
            log.warning("waiting for the database", server=server)
        is_first = False
        await asyncio.sleep(_RETRY_SECONDS)


async def _failure(client: AsyncMongoClient[dict[str, object]], server: str) -> PyMongoError | None:
    database = client.get_default_database(_DATABASE)
    try:
        await check_version(database)
        await init_beanie(database, document_models=list(DOCUMENTS))
        await mark_version(database)
    except OperationFailure as error:
        if error.code in _REFUSALS:
            raise StoreUnusable(f"the database at {server} refuses the user name or the password") from error
        return error
    except PyMongoError as error:
        return error
    return None

"""What tests against real servers share."""

import os
from collections.abc import Iterator

import pytest

from tests.real.mongo import MongoServer, fresh_database


@pytest.fixture(scope="session")
def started_mongo() -> Iterator[MongoServer]:
    """One for all tests of the run, since its start takes seconds."""
    server = MongoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mongo(started_mongo: MongoServer) -> Iterator[MongoServer]:
    """A server that the test may kill; whatever it killed is brought back."""
    yield started_mongo
    started_mongo.restart()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on the server that MONGODB_URL names if it is set."""
    if url := os.environ.get("MONGODB_URL"):
        return fresh_database(url)
    server: MongoServer = request.getfixturevalue("started_mongo")
    return fresh_database(server.url)

"""What tests against real servers share."""

import os
from collections.abc import Iterator

import pytest

from tests.real import peer_table
from tests.real.mongo import MongoServer, fresh_database


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cell(service, peer): the test is one of that cell of the peer table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notes the cells of tests in their reports."""
    for item in items:
        item.user_properties += [("cell", peer_table.check(mark.args)) for mark in item.iter_markers("cell")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the peer table, if anything of it was run."""
    outcomes = [
        (tuple(cell), outcome)
        for outcome in ("passed", "failed", "skipped", "error")
        for report in terminalreporter.getreports(outcome)
        for name, cell in getattr(report, "user_properties", ())  # a module that fails or skips has none
        if name == "cell"
    ]
    if outcomes:
        terminalreporter.section("DICOM services × peers")
        for line in peer_table.lines(outcomes):
            terminalreporter.write_line(line)


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

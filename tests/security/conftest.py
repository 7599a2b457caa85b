"""Attacks on the whole API. `pytest tests/security -v` (or -s) ends with the list of them, and how each went."""

from collections.abc import Iterator

import pytest

from tests.graph.conftest import api, app, base_url, live, settings

__all__ = ["api", "app", "base_url", "live", "settings"]

_OUTCOMES: dict[str, list[str]] = {}
_WORDS = {"passed": "withstood", "failed": "SUCCEEDED", "skipped": "not run"}


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", "attack(name): what the test tries, for the list of attacks")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Notes how an attack went."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # what a wrapper is sent
    mark = item.get_closest_marker("attack")
    if mark is not None and (report.when == "call" or report.outcome != "passed"):
        _OUTCOMES.setdefault(mark.args[0], []).append(report.outcome)
    return report  # type: ignore[return-value]  # as wrappers do


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the list where somebody wants to read."""
    if _OUTCOMES and (config.option.capture == "no" or config.option.verbose > 0):
        terminalreporter.section("attacks")
        for name, outcomes in sorted(_OUTCOMES.items()):
            worst = next((kind for kind in ("failed", "skipped") if kind in outcomes), "passed")
            cases = f" ({len(outcomes)} cases)" if len(outcomes) > 1 else ""
            terminalreporter.write_line(f"{_WORDS[worst]:<10} {name}{cases}")

"""What stands before every route to patient data."""

from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection

from graph.access_records.actions import Action
from graph.access_records.routes import recorded
from graph.rates import Limited, Rates


def guarded(
    action: Action | Callable[[HTTPConnection], Action],
    *,
    rates: Callable[[HTTPConnection], Rates] = lambda connection: connection.app.state.services.rates,
) -> list[Middleware]:
    """For `Route(middleware=…)`: holds clients to their rate, and records what they do."""
    return [Middleware(Limited, rates=rates), recorded(action)]

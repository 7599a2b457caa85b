"""What the layers that a request passes leave for those behind them."""

from typing import Any

from starlette.requests import HTTPConnection


def notes(connection: HTTPConnection) -> dict[str, Any]:
    """`connection.state` as the dictionary behind it, which raises no exception for what is not there."""
    found: dict[str, Any] = connection.scope.setdefault("state", {})
    return found

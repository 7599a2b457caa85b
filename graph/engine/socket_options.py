"""What the sockets of one endpoint are held to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from graph.socket_counts import SocketCounts


@dataclass(frozen=True)
class SocketOptions:
    """How much one socket takes."""

    max_message_bytes: int
    max_operations: int
    messages_per_second: float
    message_burst: int
    connection_init_timeout_seconds: float
    operation_timeout_seconds: float | None
    counts: SocketCounts
    client_of: Callable[[HTTPConnection, Any], str]
    """Whose sockets are counted together; the context is None before connection_init."""
    allowed_origins: frozenset[str]

"""What the GraphQL endpoint serves, and how much it takes."""

from dataclasses import dataclass
from pathlib import Path

_MIB = 1 << 20


@dataclass(frozen=True)
class ViewOptions:
    """What the view serves, and how much it takes."""

    graphiql: bool = False
    """Serve the page for trying queries to browsers, at GET."""
    max_body_bytes: int = 1 * _MIB
    """JSON, in a body or in a form's `operations`."""
    max_upload_bytes: int = 2048 * _MIB
    """One file."""
    max_upload_files: int = 1_000
    max_request_bytes: int = 16_384 * _MIB
    """A whole form."""
    spool_dir: Path | None = None
    """Where uploads wait; None: the system's temporary folder."""
    max_message_bytes: int = 1 * _MIB
    """One message on a socket."""
    max_operations_per_socket: int = 100
    max_sockets_per_client: int = 50
    messages_per_second: float = 0
    """In the long run, of one socket; 0: any number."""
    message_burst: int = 1000
    connection_init_timeout_seconds: float = 10
    operation_timeout_seconds: float | None = None
    """For queries and mutations without files."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins, besides the server's own, whose pages may open sockets."""

"""How a socket ends: the close codes of graphql-transport-ws, and those of refusals."""

from graph.errors import ContractError, ErrorCode

REFUSALS = {
    ErrorCode.UNAUTHENTICATED: (4401, "Unauthorized"),
    ErrorCode.FORBIDDEN: (4403, "Forbidden"),
    ErrorCode.RATE_LIMITED: (1013, "Too many requests"),
    ErrorCode.INTERNAL_SERVER_ERROR: (1011, "Internal server error"),
}
"""How a socket closes where its context is refused; 1013 makes clients come back later, the others do not."""


class Closed(Exception):
    """The socket ends with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def closing(error: ContractError) -> Closed:
    """The end of a socket for this reason."""
    return Closed(*REFUSALS.get(error.code, (4400, error.code.value)))

"""What every way of authentication has in common."""

from typing import Protocol

from graph.access import LOCAL, Identity
from graph.errors import ContractError, ErrorCode


class Unauthenticated(ContractError):
    """What was presented does not tell who the client is; the message says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNAUTHENTICATED, message)


class Authenticator(Protocol):
    """Finds out who presents a bearer token."""

    async def authenticate(self, credentials: str | None) -> Identity:
        """Who presents this; None: nothing was presented.

        Raises Unauthenticated, or ContractError: FORBIDDEN for somebody who is known and has no role here, and
        INTERNAL_SERVER_ERROR with status 503 while nobody can be told from another.
        """
        ...


class NoAuthentication:
    """AUTH=none: whoever reaches the server, which only this machine can, is its administrator."""

    async def authenticate(self, credentials: str | None) -> Identity:  # noqa: ARG002  # whatever it is
        """The local administrator."""
        return LOCAL

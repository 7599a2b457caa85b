"""What a resolver may use: built once for every request, and for every subscription socket."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import strawberry

from graph.access import Identity
from graph.access_records.log import AccessLog
from graph.access_records.trail import Trail
from graph.authentication.authenticator import Authenticator
from graph.errors import ContractError, ErrorCode
from graph.links import Links
from graph.loaders import Loaders
from graph.rates import Rates
from graph.settings import Settings
from graph.shares import Shares
from pacs.adapter import Pacs
from pacs.worklist.protocol import WorklistDialect
from persistence.feed import ExamFeed
from persistence.store import Store

_PICTURES_AT_ONCE = 8
"""For one client: as many as are made at once, so that somebody who is alone does not wait."""
_DOWNLOADS_AT_ONCE = 24
"""Of 32 connections (`PacsAddress.max_connections`); what is left does for queries, which are quick."""
_PATIENTS_DOWNLOADS_AT_ONCE = 8
"""Browsers ask a server for six things at once."""


@dataclass(frozen=True)
class Services:
    """What the server holds from its start to its stop."""

    settings: Settings
    pacs: Pacs
    worklist: WorklistDialect
    store: Store
    feed: ExamFeed
    access_log: AccessLog
    rates: Rates
    callback_rates: Rates
    authenticator: Authenticator
    pictures: Shares = field(default_factory=lambda: Shares(_PICTURES_AT_ONCE))
    """Of the making of pictures: all have as many processes as there are cores."""
    downloads: Shares = field(default_factory=lambda: Shares(_DOWNLOADS_AT_ONCE))
    """Of the connections to the PACS: who reads a file slowly holds one all the while."""
    downloads_of_patients: Shares = field(default_factory=lambda: Shares(_PATIENTS_DOWNLOADS_AT_ONCE))
    """The same, for those who see one patient alone."""


@dataclass
class Context:
    """One request's view of the services."""

    services: Services
    principal: Identity
    links: Links
    trail: Trail
    identify: Callable[[], Awaitable[Identity]] | None = None
    """Who the client is by now; None: that cannot change."""
    client: str = ""
    """Whom the request counts for, where clients share."""
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.forget_loaded()

    async def check_still_known(self) -> None:
        """Raises ContractError when the client is no longer who it was: a key was removed, say."""
        if self.identify is not None and await self.identify() != self.principal:
            raise ContractError(ErrorCode.UNAUTHENTICATED, "Sign in again.")

    def forget_loaded(self) -> None:
        """Begins anew what a request remembers of the PACS: a subscription does so for each of its events."""
        self.loaders = Loaders(self.services.pacs)
        self.trail.begin_anew()

    @cached_property
    def settings(self) -> Settings:
        """The server's settings."""
        return self.services.settings

    @property
    def pacs(self) -> Pacs:
        """The PACS."""
        return self.services.pacs

    @property
    def worklist(self) -> WorklistDialect:
        """The worklist."""
        return self.services.worklist

    @property
    def store(self) -> Store:
        """The service's own memory."""
        return self.services.store

    @property
    def feed(self) -> ExamFeed:
        """The exam events as they come."""
        return self.services.feed


Info = strawberry.Info[Context, Any]

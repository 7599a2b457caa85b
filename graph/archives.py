"""Which servers the settings name: the PACS, the embedded one, and the one with the worklist."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import SecretStr

from graph.settings import Settings
from graph.workitem_claims import SharedClaims
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.worklist.default import DefaultWorklist
from pacs.worklist.dialects import open_worklist
from pacs.worklist.protocol import WorklistDialect
from persistence.protocol import Leases

EMBEDDED_ROOT = "/dicom-web"
"""Where the embedded PACS has its DICOMweb services."""
_LEASE_MARGIN_SECONDS = 60.0


def pacs_address(settings: Settings) -> PacsAddress:
    """The customer's PACS, or the embedded one."""
    if settings.pacs_url is None:
        return _embedded(settings)
    return _address(settings, settings.pacs_url, _of_pacs(settings))


async def open_worklist_of(settings: Settings, leases: Leases, stack: AsyncExitStack) -> WorklistDialect:
    """The worklist at WORKLIST_URL; unset, the PACS's own where it has one, else the embedded one.

    `leases` keep two creates of one study apart, in whichever replicas, where the worklist's server does not.
    """

    def client(address: PacsAddress) -> DicomWeb:
        web = DicomWeb(address)
        stack.push_async_callback(web.aclose)
        return web

    if settings.worklist_url is not None:
        claims = SharedClaims(leases, settings.operation_timeout_seconds + _LEASE_MARGIN_SECONDS)
        web = client(worklist_address(settings, settings.worklist_url))
        return open_worklist(web, settings.worklist_dialect, claims)
    embedded = open_worklist(client(_embedded(settings)), "embedded")
    if settings.pacs_url is None:
        return embedded
    return DefaultWorklist(client(pacs_address(settings)), embedded)


def _embedded(settings: Settings) -> PacsAddress:
    return PacsAddress(
        url=f"http://embedded{EMBEDDED_ROOT}",
        socket=settings.archive_socket,
        decodes_queries=True,
        tells_conflicts=True,
        tells_updates=True,
        tells_tables=True,
        takes_given=True,
        connect_timeout_seconds=settings.pacs_connect_timeout_seconds,
        timeout_seconds=settings.pacs_timeout_seconds,
    )


def orthanc_address(settings: Settings, url: str) -> PacsAddress:
    """The REST API of the Orthanc at RECONCILE_URL."""
    own = _Credentials(settings.reconcile_username, settings.reconcile_password, settings.reconcile_token)
    return _address(settings, url, _credentials_at(url, own, settings))


@dataclass(frozen=True)
class _Credentials:
    username: str | None
    password: SecretStr | None
    token: SecretStr | None

    def __bool__(self) -> bool:
        return bool(self.username or self.token)


def _credentials_at(url: str, own: _Credentials, settings: Settings) -> _Credentials:
    """Credentials of its own; those of the PACS only where both are one server."""
    here, pacs = urlsplit(url), urlsplit(settings.pacs_url or "")
    same_server = (here.scheme, here.netloc) == (pacs.scheme, pacs.netloc)
    return _of_pacs(settings) if same_server and not own else own


def _of_pacs(settings: Settings) -> _Credentials:
    return _Credentials(settings.pacs_username, settings.pacs_password, settings.pacs_token)


def _address(settings: Settings, url: str, credentials: _Credentials) -> PacsAddress:
    return PacsAddress(
        url=url,
        username=credentials.username,
        password=_secret(credentials.password),
        token=_secret(credentials.token),
        ca_file=settings.pacs_ca_file,
        connect_timeout_seconds=settings.pacs_connect_timeout_seconds,
        timeout_seconds=settings.pacs_timeout_seconds,
    )


def worklist_address(settings: Settings, url: str) -> PacsAddress:
    """The worklist's server at WORKLIST_URL."""
    own = _Credentials(settings.worklist_username, settings.worklist_password, settings.worklist_token)
    return replace(_address(settings, url, _credentials_at(url, own, settings)), decodes_queries=True)


def _secret(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None

"""URLs that answers hold, built here alone: never from what a PACS says."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import HTTPConnection

_REMEMBERED = 64
_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True)
class Links:
    """Links to this server's REST routes, below its public URL."""

    base: str

    @classmethod
    def of(cls, connection: HTTPConnection, public_url: str | None) -> "Links":
        """Below `public_url`, or where it is unset, below the address that the request was sent to."""
        if public_url is not None:
            return cls(public_url)
        scope = connection.scope
        host = next((value for name, value in scope["headers"] if name == b"host"), None)
        server = tuple(scope["server"]) if scope.get("server") else None
        return cls(
            _base(scope.get("scheme", "http"), server, scope.get("app_root_path", scope.get("root_path", "")), host)
        )

    def file(self, study: str, series: str, instance: str) -> str:
        """The DICOM file of an instance; in one piece, for a large answer has one in every row."""
        return f"{self.base}/exams/studies/{study}/series/{series}/instance/{instance}?fileType=application/dicom"

    def viewer(self, token: str) -> str:
        """The page that opens the viewer with this token."""
        return f"{self.base}/viewer?token={token}"

    def dicomweb(self, path: str) -> str:
        """A resource of the viewer's DICOMweb view."""
        return f"{self.base}/viewer/dicomweb/{path}"

    def thumbnail(self, study: str, series: str, instance: str, size: int) -> str:
        """The thumbnail of an instance."""
        path = f"exams/studies/{study}/series/{series}/instance/{instance}"
        return f"{self.base}/{path}?fileType=image/jpeg&size={size}"

    def media(self, study: str) -> str:
        """The study as offline media."""
        return f"{self.base}/exams/studies/{study}?fileType=application/zip"


@lru_cache(_REMEMBERED)
def _base(scheme: str, server: tuple[Any, ...] | None, root_path: str, host: bytes | None) -> str:
    """The root of such requests; most are alike, and finding it takes 30 µs (measured)."""
    headers = [] if host is None else [(b"host", host)]
    scope = {"type": "http", "scheme": scheme, "server": server, "root_path": root_path, "headers": headers}
    return str(HTTPConnection(scope).base_url.replace(scheme=_SCHEMES.get(scheme, scheme))).rstrip("/")

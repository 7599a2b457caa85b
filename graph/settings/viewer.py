"""Settings of viewer links."""

from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from graph.settings.urls import HttpUrl
from graph.viewer.links import check_template


class ViewerSettings(BaseModel):
    """How long links and sessions last, and which viewer they open."""

    viewer_token_seconds: int = Field(300, gt=0, description="How long a viewer link may wait to be opened.")
    viewer_session_seconds: int = Field(1800, gt=0, description="How long an opened viewer link shows its study.")
    viewer_session_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Secret of 32 characters or more that seals viewer sessions, the same on all replicas; "
        "unset: a random one in DATA_DIR.",
    )
    dicom_viewer_url: str | None = Field(
        None,
        description="Viewer that links open, with {studyInstanceUID}, {role} and, with VIEWER_TOKEN_URL, {token}; "
        "unset: the built-in page.",
    )
    viewer_token_url: HttpUrl | None = Field(
        None, description="External viewer's token endpoint (GET with studyUID, patientID, user, role); unset: our own."
    )
    viewer_authorization_token: SecretStr | None = Field(None, description="Bearer token for VIEWER_TOKEN_URL.")

    @field_validator("dicom_viewer_url")
    @classmethod
    def _viewer_template(cls, template: str | None) -> str | None:
        return None if template is None else check_template(template)

    @model_validator(mode="after")
    def _viewer_of_tokens(self) -> Self:
        takes_token = "{token}" in (self.dicom_viewer_url or "")
        if self.viewer_token_url and not takes_token:
            raise ValueError("VIEWER_TOKEN_URL needs DICOM_VIEWER_URL with {token}: the viewer that takes its tokens")
        if takes_token and not self.viewer_token_url:
            raise ValueError("DICOM_VIEWER_URL has {token}, which only tokens from VIEWER_TOKEN_URL can fill")
        return self

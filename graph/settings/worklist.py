"""Settings of the worklist's server."""

from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from graph.settings.credentials import HeaderToken, check_credentials
from graph.settings.urls import HttpUrl


class WorklistSettings(BaseModel):
    """Where the workitems are, and what is spoken there."""

    worklist_url: HttpUrl | None = Field(
        None,
        description="Root of the worklist's server; unset: the PACS if it has a worklist, else the embedded one.",
    )
    worklist_dialect: Literal["ups", "ups-dcm4chee", "mwl-dcm4chee", "orthanc"] = Field(
        "ups", description="What the server at WORKLIST_URL speaks: ups, ups-dcm4chee, mwl-dcm4chee or orthanc."
    )
    worklist_username: str | None = Field(None, description="User name for the worklist's server (HTTP Basic).")
    worklist_password: SecretStr | None = Field(None, description="Password for the worklist's server (HTTP Basic).")
    worklist_token: HeaderToken | None = Field(None, description="Bearer token for the worklist's server.")

    @model_validator(mode="after")
    def _one_worklist_credential(self) -> Self:
        check_credentials("WORKLIST", self.worklist_username, self.worklist_password, self.worklist_token)
        return self

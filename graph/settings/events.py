"""Settings of the service's own memory: exam events, and whom they are passed to."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from graph.settings.credentials import HeaderToken, check_credentials
from graph.settings.lists import divided
from graph.settings.urls import HttpUrl, names_a_server
from graph.webhook_messages import signer

_YEAR_SECONDS = 31_536_000
_CENTURY_DAYS = 36_525
"""Longer times are slips of the keys, and before some of them no calendar begins."""


class EventSettings(BaseModel):
    """Where events are kept, for how long, who may announce them and who is told."""

    database_url: str | None = Field(
        None, description="Where the service keeps its own state: mongodb://… ; unset: SQLite in DATA_DIR."
    )
    database_wait_seconds: float = Field(
        30.0, ge=0, description="How long the start waits for a database that does not answer yet."
    )
    event_dedupe_seconds: float = Field(
        60.0,
        ge=0,
        le=_YEAR_SECONDS,
        description="An event that the PACS posts again within so many seconds is stored once.",
    )
    event_retention_days: float | None = Field(
        None, gt=0, le=_CENTURY_DAYS, description="Days for which exam events are kept; unset: for ever."
    )
    access_records_waiting: int = Field(
        50_000,
        gt=0,
        description="Access records that may wait for a store that does not answer; then no patient data is shown.",
    )
    reconcile_url: HttpUrl | None = Field(
        None,
        description="Root of your Orthanc's REST API, e.g. http://orthanc:8042: exams it never announced are found.",
    )
    reconcile_seconds: float = Field(10.0, gt=0, description="How often Orthanc's log of changes is looked into.")
    reconcile_source_id: str = Field("ORTHANC", description="SourceID of the events that are made after that log.")
    reconcile_username: str | None = Field(
        None, description="User name for RECONCILE_URL; unset: the PACS's, if one server."
    )
    reconcile_password: SecretStr | None = Field(None, description="Password for RECONCILE_URL (HTTP Basic).")
    reconcile_token: HeaderToken | None = Field(None, description="Bearer token for RECONCILE_URL.")
    callback_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="URLs that every exam event is posted to, divided by commas."
    )
    callback_secret: SecretStr | None = Field(
        None, description="Secret that signs these posts (Standard Webhooks): whsec_ and base64; unset: unsigned."
    )
    callback_token: SecretStr | None = Field(
        None, description="What the PACS must present at /new-exam-callback: bearer token, Basic password or ?token=."
    )

    @model_validator(mode="after")
    def _one_reconcile_credential(self) -> Self:
        check_credentials("RECONCILE", self.reconcile_username, self.reconcile_password, self.reconcile_token)
        return self

    @field_validator("database_url")
    @classmethod
    def _store_url(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("sqlite", "mongodb", "mongodb+srv"):
            raise ValueError("is no store: write mongodb://host/database or sqlite:///path/to/file")
        return url

    @field_validator("callback_urls", mode="before")
    @classmethod
    def _url_list(cls, urls: str | tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._receiver(url) for url in divided(urls))

    @staticmethod
    def _receiver(url: str) -> str:
        if not names_a_server(url):
            raise ValueError("holds something else than URLs: write http:// or https://, a host and a path")
        return url

    @field_validator("callback_secret")
    @classmethod
    def _signing(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            signer(secret.get_secret_value())
        return secret

"""Every setting of the server: environment variables, or lines of a file `.env` in the working directory.

A wrong value stops the start with a sentence that names the variable (`SettingsError`). The README's table is tested
against this class.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from graph.viewer.links import check_template
from graph.webhook_messages import signer
from pacs.uids import check_root

_MIB = 1024 * 1024


class SettingsError(ValueError):
    """One or more settings are wrong; the message has a line for each."""


class Settings(BaseSettings):
    """What can be set, each with its unit, its default and a sentence."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="Address to listen on; only loopback addresses without authentication.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="URL under which clients reach the server, for links in answers; unset: as each request says."
    )
    data_dir: Path = Field(Path(".data"), description="Folder for everything the server keeps on disk.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    graphiql: bool | None = Field(
        None, description="Whether GET /graphql shows GraphiQL to browsers; unset: on loopback only."
    )
    introspection: bool | None = Field(
        None, description="Whether clients may introspect the schema; unset: on loopback only."
    )

    pacs_url: str | None = Field(
        None, description="DICOMweb root of your PACS, e.g. http://orthanc:8042/dicom-web; unset: the embedded PACS."
    )
    pacs_username: str | None = Field(None, description="User name for the PACS (HTTP Basic).")
    pacs_password: SecretStr | None = Field(None, description="Password for the PACS (HTTP Basic).")
    pacs_token: SecretStr | None = Field(None, description="Bearer token for the PACS.")
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

    worklist_url: str | None = Field(
        None,
        description="Root of the worklist's server; unset: the PACS if it has a worklist, else the embedded one.",
    )
    worklist_dialect: Literal["ups", "ups-dcm4chee", "mwl-dcm4chee", "orthanc"] = Field(
        "ups", description="What the server at WORKLIST_URL speaks: ups, ups-dcm4chee, mwl-dcm4chee or orthanc."
    )
    worklist_username: str | None = Field(None, description="User name for the worklist's server (HTTP Basic).")
    worklist_password: SecretStr | None = Field(None, description="Password for the worklist's server (HTTP Basic).")
    worklist_token: SecretStr | None = Field(None, description="Bearer token for the worklist's server.")

    database_url: str | None = Field(
        None, description="Where the service keeps its own state: mongodb://… ; unset: SQLite in DATA_DIR."
    )
    event_dedupe_seconds: float = Field(
        60.0, ge=0, description="An event that the PACS posts again within so many seconds is stored once."
    )
    event_retention_days: float | None = Field(
        None, gt=0, description="Days for which exam events are kept; unset: for ever."
    )
    callback_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="URLs that every exam event is posted to, divided by commas."
    )
    callback_secret: SecretStr | None = Field(
        None, description="Secret that signs these posts (Standard Webhooks): whsec_ and base64; unset: unsigned."
    )
    dicom_uid_root: str | None = Field(
        None, description="Your organisation's UID root, at most 36 characters; unset: UIDs are 2.25.<UUID>."
    )
    callback_token: SecretStr | None = Field(
        None, description="What the PACS must present at /new-exam-callback: bearer token, Basic password or ?token=."
    )

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
    viewer_token_url: str | None = Field(
        None, description="External viewer's token endpoint (GET with studyUID, patientID, user, role); unset: our own."
    )
    viewer_authorization_token: SecretStr | None = Field(None, description="Bearer token for VIEWER_TOKEN_URL.")

    max_upload_bytes: int = Field(4096 * _MIB, gt=0, description="Largest DICOM file taken, in bytes.")
    max_upload_files: int = Field(1000, gt=0, description="Most files in one upload request.")
    max_request_bytes: int = Field(16384 * _MIB, gt=0, description="Largest upload request as a whole, in bytes.")
    max_query_bytes: int = Field(_MIB, gt=0, description="Largest GraphQL request without files, in bytes.")
    max_depth: int = Field(12, gt=0, description="Deepest nesting of fields in a GraphQL document.")
    max_aliases: int = Field(30, gt=0, description="Most aliases in a GraphQL document.")
    max_fields: int = Field(500, gt=0, description="Most fields in a GraphQL document, fragments counted where used.")
    max_pacs_requests: int = Field(
        50, gt=0, description="Most requests to the PACS that one GraphQL document may need."
    )
    max_rows: int = Field(
        200_000, gt=0, description="Most objects that one GraphQL document may be estimated to bring."
    )
    compiled_selections: bool = Field(True, description="Whether plain selections run as compiled functions (faster).")
    shutdown_seconds: int = Field(10, ge=0, description="How long running requests may take to finish at a stop.")

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if not is_loopback(host):
            raise ValueError("is not a loopback address, and without authentication the server listens on no other")
        return host

    @field_validator("pacs_url", "worklist_url", "public_url", "viewer_token_url")
    @classmethod
    def _http_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is not a URL: write http:// or https://, a host and a path")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be a plain URL, without user name, password, query or fragment")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _store_url(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("sqlite", "mongodb", "mongodb+srv"):
            raise ValueError("is no store: write mongodb://host/database or sqlite:///path/to/file")
        return url

    @field_validator("callback_urls", mode="before")
    @classmethod
    def _url_list(cls, urls: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = urls.split(",") if isinstance(urls, str) else urls
        return tuple(dict.fromkeys(url for part in parts if (url := cls._receiver(part.strip()))))

    @staticmethod
    def _receiver(url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("holds something else than URLs: write http:// or https://, a host and a path")
        return url

    @field_validator("callback_secret")
    @classmethod
    def _signing(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            signer(secret.get_secret_value())
        return secret

    @field_validator("dicom_uid_root")
    @classmethod
    def _uid_root(cls, root: str | None) -> str | None:
        return None if root is None else check_root(root)

    @field_validator("pacs_ca_file")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("is not a file")
        return path

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.pacs_token and self.pacs_username:
            raise ValueError("PACS_TOKEN and PACS_USERNAME exclude each other: set one of them")
        if self.worklist_token and self.worklist_username:
            raise ValueError("WORKLIST_TOKEN and WORKLIST_USERNAME exclude each other: set one of them")
        return self

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

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(**overrides: Any) -> Settings:
    """The settings of this process; `SettingsError` with a sentence for every wrong one."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors(include_url=False)))) from None


def _sentence(problem: Any) -> str:
    reason: str = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    name = str(problem["loc"][0])
    field = Settings.model_fields[name]
    shown = (
        ""
        if "Secret" in str(field.annotation) or name in ("database_url", "callback_urls")
        else f"={problem['input']!s}"
    )
    return f"{name.upper()}{shown}: {reason[0].lower()}{reason[1:]}. {field.description}"

"""Settings of the server itself."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from graph.settings.lists import divided
from graph.settings.urls import HttpUrl, plain_origin


class ServingSettings(BaseModel):
    """Where it listens, what it keeps, what it shows."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; others than loopback need AUTH and CALLBACK_TOKEN."
    )
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    public_url: HttpUrl | None = Field(
        None, description="URL under which clients reach the server, for links in answers; unset: as each request says."
    )
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Proxies, addresses or networks divided by commas, whose X-Forwarded-For and -Proto are believed.",
    )
    """What uvicorn makes of them is the client's address for rates and access records, and whether it came by HTTPS."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose web pages may use the API, divided by commas, e.g. https://portal.example."
    )
    data_dir: Path = Field(Path(".data"), description="Folder for everything the server keeps on disk.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    graphiql: bool | None = Field(
        None, description="Whether GET /graphql shows GraphiQL to browsers; unset: on loopback with AUTH=none."
    )
    introspection: bool | None = Field(
        None, description="Whether clients may introspect the schema; unset: on loopback with AUTH=none."
    )
    compiled_selections: bool = Field(True, description="Whether plain selections run as compiled functions (faster).")
    shutdown_seconds: int = Field(10, ge=0, description="How long running requests may take to finish at a stop.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, origins: str | tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(plain_origin, divided(origins))))

    @field_validator("forwarded_allow_ips", mode="before")
    @classmethod
    def _proxies(cls, proxies: str | tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(_proxy, divided(proxies))))

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Origins whose pages may open sockets: those of CORS_ORIGINS, and the server's own as clients know it."""
        own = urlsplit(self.public_url or "")
        return frozenset(self.cors_origins) | ({f"{own.scheme}://{own.netloc}"} if own.netloc else set())

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def _proxy(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"holds {text}, which is no IP address or network (10.0.0.0/8, say)") from None


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

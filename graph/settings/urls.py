"""What a setting that is a URL may look like."""

from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

_MAX_PORT = 65_535


def plain_url(url: str) -> str:
    """An http(s) URL of scheme, host and path alone, without its last slash; `ValueError` otherwise."""
    parts = urlsplit(url)
    if not names_a_server(url):
        raise ValueError("is not a URL: write http:// or https://, a host and a path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, without user name, password, query or fragment")
    return url.rstrip("/")


def names_a_server(url: str) -> bool:
    """Whether it is an http(s) URL of a host and a port that can be asked."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    is_web = parts.scheme in ("http", "https") and " " not in url
    return is_web and bool(parts.host) and (parts.port or 80) <= _MAX_PORT


def plain_origin(url: str) -> str:
    """An origin as browsers send it (RFC 6454 §6.2): scheme, host and port, in lower case; `ValueError` otherwise."""
    try:
        plain = plain_url(url)
    except ValueError:
        raise ValueError("holds something else than origins: write https://host or https://host:port") from None
    parts = urlsplit(plain)
    if parts.path:
        raise ValueError("holds a path: an origin is scheme, host and port alone")
    return f"{parts.scheme}://{parts.netloc.lower()}"


HttpUrl = Annotated[str, AfterValidator(plain_url)]

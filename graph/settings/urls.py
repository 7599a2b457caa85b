"""What a setting that is a URL may look like."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def plain_url(url: str) -> str:
    """An http(s) URL of scheme, host and path alone, without its last slash; `ValueError` otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a URL: write http:// or https://, a host and a path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, without user name, password, query or fragment")
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(plain_url)]

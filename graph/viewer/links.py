"""Where a viewer link leads: the template DICOM_VIEWER_URL."""

import re
from urllib.parse import quote, urlsplit

_PLACES = ("studyInstanceUID", "role", "token")
_PLACE = re.compile(r"\{(.*?)\}")


def check_template(template: str) -> str:
    """The template itself; ValueError with a sentence when it is no URL or has places that nobody fills.

    A path that starts with `/` is one on this server, as where a viewer's files are served beside it.
    """
    unknown = [place for place in _PLACE.findall(template) if place not in _PLACES]
    if unknown:
        raise ValueError(f"has {{{unknown[0]}}}, but only {', '.join(f'{{{place}}}' for place in _PLACES)} are filled")
    parts = urlsplit(template)
    is_path = template.startswith("/") and not template.startswith(("//", "/\\"))
    if not is_path and (parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc):
        raise ValueError("is not a URL: write http:// or https://, a host and a path, or a path on this server")
    return template


def fill_template(template: str, **values: str) -> str:
    """The URL for these values, each percent-encoded."""
    return _PLACE.sub(lambda place: quote(values.get(place[1], ""), safe=""), template)

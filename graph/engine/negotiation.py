"""Which media type an answer has (GraphQL over HTTP, "Media types")."""

from collections.abc import Iterator
from functools import lru_cache

RESPONSE_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
HTML = "text/html"

_OFFERS = {
    RESPONSE_JSON: RESPONSE_JSON,
    PLAIN_JSON: PLAIN_JSON,
    "application/*": PLAIN_JSON,
    "*/*": PLAIN_JSON,
}


@lru_cache(64)
def answer_type(accept: str) -> str:
    """The best type that the client takes; `application/json` where it says nothing that helps."""
    best, best_quality = PLAIN_JSON, 0.0
    for media_type, quality in _accepted(accept):
        if media_type in _OFFERS and quality > best_quality:
            best, best_quality = _OFFERS[media_type], quality
    return best


def prefers_page(accept: str) -> bool:
    """Whether a browser asks for a page, rather than a client for JSON."""
    qualities = dict(_accepted(accept))
    page = qualities.get(HTML, 0.0)
    return page > 0 and page >= max(qualities.get(RESPONSE_JSON, 0.0), qualities.get(PLAIN_JSON, 0.0))


def _accepted(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        yield media_type, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0

"""Answers as JSON."""

import json
from typing import Any

import orjson


def encode(body: Any) -> bytes:
    """JSON in UTF-8; what orjson does not take (lone surrogates, integers over 64 bits) in escapes and digits."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body, separators=(",", ":")).encode()

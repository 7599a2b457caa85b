"""What goes through the pipes between a renderer and its workers: a length, a JSON object, and a body if it says so."""

import json
import struct
from asyncio import StreamReader
from collections.abc import Mapping
from typing import Any, BinaryIO

OUT_OF_MEMORY = 77  # the exit status of a worker whose memory did not suffice
_LENGTH = struct.Struct(">I")


def packed(message: Mapping[str, Any], body: bytes = b"") -> bytes:
    """The message on the wire; `body` follows it and its length is told in `size`."""
    text = json.dumps({**message, "size": len(body)}).encode()
    return _LENGTH.pack(len(text)) + text + body


def receive(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message, in a worker; None when the other side is gone."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    message: dict[str, Any] = json.loads(pipe.read(*_LENGTH.unpack(head)))
    return message


async def receive_from(pipe: StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next message and its body; asyncio.IncompleteReadError when the worker is gone."""
    (length,) = _LENGTH.unpack(await pipe.readexactly(_LENGTH.size))
    message = json.loads(await pipe.readexactly(length))
    return message, await pipe.readexactly(message["size"])

"""A worker: a process of its own that makes pictures, one after another, from requests on its standard input.

It can take no more memory than it was allowed, writes no file, dumps no core, holds no secrets in its environment
(`pacs.rendering.process` starts it so), and ends when its parent does: at the end of its input, or by the alarm.
"""

import logging
import os
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pacs.errors import NoPicture
from pacs.rendering.protocol import OUT_OF_MEMORY, packed, receive
from pacs.rendering.render import decode, render
from pacs.rendering.request import Region, Rendering, Window


def main() -> None:
    """Serves requests until the input ends. Arguments: memory for a picture in bytes, time for a picture in seconds."""
    memory_bytes, timeout_seconds = int(sys.argv[1]), float(sys.argv[2])
    requests, replies = _pipes()
    warnings.simplefilter("ignore")
    logging.disable()
    _limit(memory_bytes)
    answer = packed({"ready": True})
    while True:
        replies.write(answer)
        replies.flush()
        _set_alarm(0)
        request = receive(requests)
        if request is None:
            return
        _set_alarm(timeout_seconds)
        answer = _answer(request, memory_bytes)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes of the protocol; what libraries print goes to standard error from now on."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, replies


def _limit(memory_bytes: int) -> None:
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - not on every platform

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        most = _address_space_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _address_space_bytes() -> int:
    """What this process has mapped by now: mostly the libraries' code."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1 << 30


def _set_alarm(seconds: float) -> None:
    """Ends this process if a picture takes `seconds`: even when nobody is left to end it, even inside a decoder."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _answer(request: dict[str, Any], memory_bytes: int) -> bytes:
    try:
        return _done(request, memory_bytes)
    except NoPicture as nothing:
        return packed({"reason": nothing.reason})
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except OSError as error:
        return packed({"errno": error.errno})
    except Exception:  # whatever else hostile bytes bring about is no reason to die
        return packed({"reason": "damaged"})


def _done(request: dict[str, Any], memory_bytes: int) -> bytes:
    path = request.pop("path")
    source = Path(path) if isinstance(path, str) else path
    if "viewport" not in request:
        frame = decode(source, request["frame"], memory_bytes)
        told = {"bits_allocated": frame.bits_allocated, "photometric": frame.photometric, "frames": frame.frames}
        return packed(told, frame.body)
    picture = render(source, _rendering(request), memory_bytes)
    return packed({"width": picture.width, "height": picture.height}, picture.body)


def _rendering(request: dict[str, Any]) -> Rendering:
    window, viewport, region = request["window"], request["viewport"], request["region"]
    return Rendering(
        frame=request["frame"],
        viewport=(viewport[0], viewport[1]) if viewport else None,
        region=Region(**region) if region else None,
        window=Window(**window) if window else None,
        quality=request["quality"],
        content_type=request["content_type"],
        thumbnail=request["thumbnail"],
    )


if __name__ == "__main__":
    main()

"""One worker process, as its parent sees it."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, cast

from pacs.errors import NoPicture, NoPictureReason
from pacs.rendering.desk import Desk
from pacs.rendering.protocol import OUT_OF_MEMORY, packed, receive_from
from pacs.rendering.request import Decoding, Frame, Picture, Rendering

_START_SECONDS = 30.0
# What a worker may know of its parent's environment: where its libraries are, and no secret.
_ENVIRONMENT = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SYSTEMROOT",
    "PYTHONDONTWRITEBYTECODE",
)
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_REMEMBERED = 16
_CAUSES: Mapping[int, NoPictureReason] = {OUT_OF_MEMORY: "out_of_memory", -signal.SIGALRM: "timed_out"}


@lru_cache(_REMEMBERED)
def _told(wanted: Rendering | Decoding) -> Mapping[str, Any]:
    """What a worker is told of it; most pictures of a day are wanted alike."""
    return asdict(wanted)


class Worker:
    """A started worker. After a `NoPicture` of crash, memory or time it is gone: `alive` tells."""

    def __init__(self, process: Process, desk: Desk) -> None:
        self._process = process
        self._desk = desk
        self._requests = cast(StreamWriter, process.stdin)
        self._replies = cast(StreamReader, process.stdout)
        self.pictures = 0

    @classmethod
    async def start(cls, memory_bytes: int, timeout_seconds: float) -> Self:
        """A worker that is ready. Raises OSError or RuntimeError where it cannot be started."""
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        desk = Desk()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "pacs.rendering.worker", str(memory_bytes), str(timeout_seconds),
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment | _ONE_THREAD, pass_fds=(desk.number,),
            )  # fmt: skip
        except BaseException:
            desk.close()
            raise
        worker = cls(process, desk)
        try:
            async with asyncio.timeout(_START_SECONDS):  # wait_for can lose a cancellation (Python 3.11)
                await worker._receive()
        except (TimeoutError, asyncio.IncompleteReadError):
            await worker.stop()
            raise RuntimeError("a process for making pictures could not be started") from None
        except BaseException:
            await worker.stop()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    async def render(self, source: Path | bytes, rendering: Rendering, timeout_seconds: float) -> Picture:
        """The picture of a file, or of the content of one. Raises NoPicture, or OSError where it cannot be read."""
        message, body = await self._run(source, rendering, timeout_seconds)
        return Picture(body, rendering.content_type, message["width"], message["height"])

    async def decode(self, path: Path, decoding: Decoding, timeout_seconds: float) -> Frame:
        """The frame's pixels. Raises NoPicture, or OSError where the file cannot be read."""
        message, body = await self._run(path, decoding, timeout_seconds)
        return Frame(body, message["bits_allocated"], message["photometric"], message["frames"])

    async def _run(
        self, source: Path | bytes, wanted: Rendering | Decoding, timeout_seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        self.pictures += 1
        if isinstance(source, bytes):
            self._desk.lay(source)
        place = self._desk.number if isinstance(source, bytes) else str(source)
        request = {"path": place, **_told(wanted)}
        try:
            async with asyncio.timeout(timeout_seconds):
                message, body = await self._ask(request)
        except TimeoutError:
            await self.stop()
            raise NoPicture("timed_out") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise NoPicture(await self._cause_of_death()) from None
        except BaseException:
            await self.stop()
            raise
        if "reason" in message:
            raise NoPicture(message["reason"])
        if "errno" in message:
            raise OSError(message["errno"], os.strerror(message["errno"]))
        return message, body

    async def stop(self) -> None:
        """Ends the process, at once, and waits until it and its pipes are gone, even when it is cancelled meanwhile."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._desk.close()
        cancelled: asyncio.CancelledError | None = None
        while True:  # soon done: nothing survives the signal
            try:
                await self._process.communicate()
            except asyncio.CancelledError as error:
                cancelled = error
                continue
            except ConnectionError:
                pass
            break
        if cancelled is not None:
            raise cancelled

    async def _ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._requests.write(packed(request))
        await self._requests.drain()
        return await self._receive()

    async def _receive(self) -> tuple[dict[str, Any], bytes]:
        return await receive_from(self._replies)

    async def _cause_of_death(self) -> NoPictureReason:
        code = await self._process.wait()
        await self.stop()
        return _CAUSES.get(code, "crashed")

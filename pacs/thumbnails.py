"""A picture of any DICOM file that has one, safely.

    renderer = Renderer()
    picture = await renderer.render(path, Rendering(viewport=(256, 256), thumbnail=True))
    await renderer.aclose()

Files may be hostile (a 10 KB file can decode to gigabytes, measured), so they are opened only in worker processes,
which have limits of memory and time, and whose death is one `NoPicture`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from pacs.errors import NoPicture
from pacs.rendering.process import Worker
from pacs.rendering.request import Decoding, Frame, Picture, Rendering
from pacs.rendering.slot import Slot

T = TypeVar("T")


@dataclass(slots=True)
class _Job(Generic[T]):
    do: Callable[[Worker, float], Awaitable[T]]
    done: asyncio.Future[T]


class Renderer:
    """Makes pictures in `workers` processes; belongs to one event loop.

    A process starts when more pictures are asked for at once than there are processes, or all with `start`. Who comes
    first is served first; beyond `most_waiting` requests the next one gets `NoPicture("busy")`. A picture may take
    `memory_bytes` beside the worker's own 70 MB, and `timeout_seconds`. A worker is replaced after `recycle_after`
    pictures: what decoders leak goes with it.
    """

    def __init__(
        self,
        workers: int = 2,
        memory_bytes: int = 512 << 20,
        timeout_seconds: float = 10.0,
        *,
        most_waiting: int = 256,
        recycle_after: int = 2000,
    ) -> None:
        self._workers = workers
        self._memory_bytes = memory_bytes
        self._timeout_seconds = timeout_seconds
        self._most_waiting = most_waiting
        self._recycle_after = recycle_after
        self._jobs: asyncio.Queue[_Job[Any]] = asyncio.Queue()
        self._slots: list[asyncio.Task[None]] = []
        self._free = 0
        """Slots that wait for a job, or for their first worker."""
        self._closed = False

    def start(self) -> None:
        """Starts all workers, so that the first pictures need not wait for them (0.3 s)."""
        while not self._closed and len(self._slots) < self._workers:
            self._add_slot()

    def _add_slot(self) -> None:
        self._slots.append(asyncio.create_task(self._serve(), name="pictures"))
        self._free += 1

    async def render(self, source: Path | bytes, rendering: Rendering) -> Picture:
        """The picture of the DICOM file at `source`, or of its content, which is better small.

        Raises NoPicture, whose `reason` says why there is none; OSError where the file cannot be read; RuntimeError
        where no worker can be started, or after `aclose`.
        """
        return await self._run(lambda worker, seconds: worker.render(source, rendering, seconds))

    async def decode(self, source: Path, frame: int) -> Frame:
        """The pixels of a frame, counted from 1, of the compressed DICOM file at `source`. Raises as `render` does."""
        return await self._run(lambda worker, seconds: worker.decode(source, Decoding(frame), seconds))

    async def _run(self, do: Callable[[Worker, float], Awaitable[T]]) -> T:
        if self._closed:
            raise RuntimeError("the renderer is closed")
        if self._jobs.qsize() >= self._most_waiting:
            raise NoPicture("busy")
        job: _Job[T] = _Job(do, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        if self._jobs.qsize() > self._free and len(self._slots) < self._workers:
            self._add_slot()
        return await job.done

    async def aclose(self) -> None:
        """Ends the workers; who still waits gets `NoPicture("busy")`."""
        self._closed = True
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        while not self._jobs.empty():
            _fail(self._jobs.get_nowait(), NoPicture("busy"))

    async def _serve(self) -> None:
        """One worker's share of the jobs, until cancelled."""
        slot = Slot(partial(Worker.start, self._memory_bytes, self._timeout_seconds), self._recycle_after)
        try:
            await slot.worker()
            while True:
                job = await self._jobs.get()
                self._free -= 1
                if not job.done.done():
                    await self._do(job, slot)
                self._free += 1
        finally:
            await slot.close()

    async def _do(self, job: _Job[T], slot: Slot) -> None:
        """The job done, or failed. Who asked may be gone meanwhile: the worker finishes all the same."""
        try:
            worker = await slot.worker()
            if worker is None:
                raise RuntimeError("no process for making pictures could be started")
            result = await job.do(worker, self._timeout_seconds)
        except asyncio.CancelledError:
            _fail(job, NoPicture("busy"))
            raise
        except Exception as error:  # whatever it is, it is for who asked
            _fail(job, error)
        else:
            if not job.done.done():
                job.done.set_result(result)
        await slot.worker()


def _fail(job: _Job[Any], error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)

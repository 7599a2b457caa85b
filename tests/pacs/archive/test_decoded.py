"""What is decoded before an answer begins, and for how long."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pydicom
import pytest
from starlette.exceptions import HTTPException

from pacs.archive.decoded import FrameDecoder, Held
from pacs.archive.decompression import Shape
from pacs.errors import NoPicture
from pacs.rendering.request import Frame
from pacs.thumbnails import Renderer
from tests.pacs.archive.samples import wheel_file

FRAMES = 15
DOSE = wheel_file("rtdose_rle.dcm")
DIGEST = b"of the file"


class Counting(Renderer):
    """Notes which frames are decoded."""

    def __init__(self) -> None:
        super().__init__(workers=1)
        self.decoded: list[int] = []

    async def decode(self, source: Path, frame: int) -> Frame:
        self.decoded.append(frame)
        return await super().decode(source, frame)


@pytest.fixture
async def renderer() -> AsyncIterator[Counting]:
    found = Counting()
    yield found
    await found.aclose()


def abandoned_after(calls: int) -> Callable[[], Awaitable[bool]]:
    left = iter(range(calls))

    async def is_abandoned() -> bool:
        return next(left, None) is None

    return is_abandoned


async def test_a_small_file_is_decoded_once_and_known_ever_after(renderer: Counting) -> None:
    decoder, held = FrameDecoder(renderer), Held(abandoned_after(100))
    pixels = pydicom.dcmread(DOSE).pixel_array.tobytes()
    for _ in range(2):
        shape = await decoder.shape(DOSE, DIGEST, held)
        assert b"".join([frame async for frame in decoder.frames(DOSE, shape, held)]) == pixels
    assert renderer.decoded == [*range(1, FRAMES + 1)] * 2  # the second time only as it is sent


async def test_what_does_not_fit_is_decoded_again_not_held(renderer: Counting) -> None:
    decoder, held = FrameDecoder(renderer), Held(abandoned_after(100), room_bytes=900)  # two frames of 400 bytes
    shape = await decoder.shape(DOSE, DIGEST, held)
    assert [len(frame) async for frame in decoder.frames(DOSE, shape, held)] == [shape.frame_bytes] * FRAMES
    assert renderer.decoded == [*range(1, FRAMES + 1), *range(3, FRAMES + 1)]


def test_what_all_requests_hold_together_is_bounded_and_given_back() -> None:
    body = bytes(16 << 20)
    requests = [Held(abandoned_after(0)) for _ in range(20)]
    for held in requests:
        held.keep(DOSE, 1, body)
        held.keep(DOSE, 2, body)
    kept = [held for held in requests if held.take(DOSE, 1)]
    assert len(kept) == 4
    del held, kept, requests
    gc.collect()
    later = Held(abandoned_after(0))
    later.keep(DOSE, 1, body)
    assert later.take(DOSE, 1) == body


async def test_of_some_frames_only_these_are_decoded(renderer: Counting) -> None:
    decoder, held = FrameDecoder(renderer), Held(abandoned_after(100))
    (size,) = await decoder.lengths(DOSE, DIGEST, [7], held)
    assert len(await decoder.frame(DOSE, 7, held)) == size
    assert renderer.decoded == [7]
    with pytest.raises(NoPicture):
        await decoder.lengths(DOSE, DIGEST, [FRAMES + 1], held)


async def test_nothing_more_is_decoded_for_a_client_that_is_gone(renderer: Counting) -> None:
    decoder = FrameDecoder(renderer)
    with pytest.raises(HTTPException, match="gone"):
        await decoder.shape(DOSE, DIGEST, Held(abandoned_after(3)))
    assert renderer.decoded == [1, 2, 3]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (Shape(3, 2**31, 16, "MONOCHROME2", has_icon=False), "too_large"),
        (Shape(3, 512, 16, "MONOCHROME2", has_icon=True), "unsupported"),
    ],
)
def test_what_no_uncompressed_object_can_hold_is_not_made(shape: Shape, reason: str) -> None:
    with pytest.raises(NoPicture) as nothing:
        shape.pixels(iter([]))
    assert nothing.value.reason == reason

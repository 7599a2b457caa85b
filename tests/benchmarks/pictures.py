"""How long a picture takes, by what it shows: `python -m tests.benchmarks.pictures`.

Cold is a worker's first picture, with the worker's start; warm is the median of what follows, in one process. The
rate is that of a renderer with its workers, asked for many thumbnails at once.
"""

import asyncio
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from pacs.rendering.request import Rendering
from pacs.thumbnails import Renderer
from tests.pacs.thumbnail_files import image_dataset, save, wheel_file

THUMBNAIL = Rendering(viewport=(256, 256), thumbnail=True)
WHOLE = Rendering()


@dataclass(frozen=True)
class Row:
    """Milliseconds for one kind of picture."""

    name: str
    cold_milliseconds: float
    thumbnail_milliseconds: float
    whole_milliseconds: float

    def __str__(self) -> str:
        return (
            f"{self.name:34} {self.cold_milliseconds:8.0f} {self.thumbnail_milliseconds:10.1f}"
            f" {self.whole_milliseconds:8.1f}"
        )


HEADER = f"{'picture':34} {'cold ms':>8} {'thumbnail':>10} {'whole':>8}"


def body(rows: int, columns: int) -> NDArray[np.uint16]:
    """A smooth 12-bit image with a little noise, as X-rays are."""
    height, width = np.mgrid[:rows, :columns]
    smooth = 2000 + 1500 * np.sin(height / rows * 7) * np.cos(width / columns * 5)
    noise = np.random.default_rng(1).normal(0, 8, (rows, columns))
    return np.asarray(np.clip(smooth + noise, 0, 4095), "u2")


def _plain(rows: int, columns: int, **attributes: Any) -> Callable[[Path], Path]:
    return lambda path: save(image_dataset(body(rows, columns), BitsStored=12, HighBit=11, **attributes), path)


def _frames(path: Path) -> Path:
    return save(image_dataset(np.stack([body(512, 512)] * 100), BitsStored=12, HighBit=11), path)


def _encoded(syntax: str, kind: str, pixels: NDArray[Any], path: Path, **options: Any) -> Path:
    target = io.BytesIO()
    pillow.fromarray(pixels).save(target, kind, **options)
    made = image_dataset(pixels, TransferSyntaxUID=syntax)
    if kind == "JPEG" and pixels.ndim == 3:
        made.PhotometricInterpretation = "YBR_FULL_422"
    made.PixelData = encapsulate([target.getvalue()])
    made["PixelData"].is_undefined_length = True
    return save(made, path)


def _mammogram_jpeg_2000(path: Path) -> Path:
    return _encoded(JPEG2000Lossless, "JPEG2000", body(4096, 3328), path, no_jp2=True)


def _photo_jpeg(path: Path) -> Path:
    grey = (body(3000, 4000) >> 4).astype("u1")
    return _encoded(JPEGBaseline8Bit, "JPEG", np.dstack([grey, grey[::-1], grey[:, ::-1]]), path, quality=90)


FILES: Mapping[str, Callable[[Path], Path]] = {
    "CT 512x512": _plain(512, 512, RescaleIntercept="-1024", RescaleSlope="1", WindowCenter="800", WindowWidth="2000"),
    "CT 512x512 JPEG 2000": lambda _: wheel_file("693_J2KI.dcm"),
    "MR 484x300": lambda _: wheel_file("examples_overlay.dcm"),
    "US 320x240, 30 frames JPEG": lambda _: wheel_file("examples_ybr_color.dcm"),
    "US 640x480 JPEG 2000": lambda _: wheel_file("examples_jpeg2k.dcm"),
    "US 800x350 palette": lambda _: wheel_file("examples_palette.dcm"),
    "segmentation 512x512": lambda _: wheel_file("liver_1frame.dcm"),
    "dose 10x10, 15 frames": lambda _: wheel_file("rtdose.dcm"),
    "CR 2500x2048": _plain(2500, 2048),
    "mammogram 4096x3328": _plain(4096, 3328),
    "mammogram 4096x3328 JPEG 2000": _mammogram_jpeg_2000,
    "photo 4000x3000 JPEG": _photo_jpeg,
    "100 frames of 512x512": _frames,
}


async def _milliseconds(renderer: Renderer, path: Path, rendering: Rendering, times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await renderer.render(path, rendering)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


async def rows(times: int = 9) -> list[Row]:
    """A row for each kind of picture."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            path = make(Path(folder) / "image.dcm")
            renderer = Renderer(workers=1)
            try:
                cold = await _milliseconds(renderer, path, THUMBNAIL, 1)
                thumbnail = await _milliseconds(renderer, path, THUMBNAIL, times)
                measured.append(Row(name, cold, thumbnail, await _milliseconds(renderer, path, WHOLE, times)))
            finally:
                await renderer.aclose()
    return measured


async def thumbnails_per_second(count: int = 1000) -> float:
    """How many CT thumbnails a renderer with two workers makes in a second, uncached."""
    renderer = Renderer(workers=2, most_waiting=count)
    with tempfile.TemporaryDirectory() as folder:
        path = FILES["CT 512x512"](Path(folder) / "image.dcm")
        try:
            await asyncio.gather(*(renderer.render(path, THUMBNAIL) for _ in range(20)))
            started = time.perf_counter()
            await asyncio.gather(*(renderer.render(path, THUMBNAIL) for _ in range(count)))
            return count / (time.perf_counter() - started)
        finally:
            await renderer.aclose()


async def main() -> None:
    """Prints all of it."""
    print(HEADER, *await rows(), sep="\n")
    print(f"{await thumbnails_per_second():.0f} CT thumbnails a second with two workers, uncached")


if __name__ == "__main__":
    asyncio.run(main())

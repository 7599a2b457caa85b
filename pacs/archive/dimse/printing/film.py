"""A film as a page: its image boxes filled, and written as a PDF."""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, ImageDraw

from pacs.archive.dimse.printing.layout import Box
from pacs.archive.dimse.printing.placement import DOTS_PER_INCH, PlacedImage, dots_of, to_dots

_JPEG_QUALITY = 95
_UNFINISHED = ".part"
_ONE_AT_A_TIME = threading.Lock()  # a page is some 60 MiB while it is made


@dataclass(slots=True)
class Sheet:
    """What is printed on one page: its size in mm, grays 0–255, and the images by the number of their box."""

    size: tuple[float, float]
    boxes: tuple[Box, ...]
    images: dict[int, PlacedImage] = field(default_factory=dict)
    border: int = 0
    empty: int = 0
    trim: bool = False
    title: str = ""


def compose(sheet: Sheet) -> Image.Image:
    """The page at `DOTS_PER_INCH`, gray unless one of its images is in color."""
    mode = "RGB" if any(image.mode == "RGB" for image in sheet.images.values()) else "L"
    page = Image.new("L", (to_dots(sheet.size[0]), to_dots(sheet.size[1])), sheet.border).convert(mode)
    draw = ImageDraw.Draw(page)
    for position, box in enumerate(sheet.boxes):
        left, top, (width, height) = to_dots(box.left), to_dots(box.top), dots_of(box)
        frame = (left, top, left + width - 1, top + height - 1)
        if position not in sheet.images:
            draw.rectangle(frame, fill=_fill(sheet.empty, mode))
            continue
        placed = sheet.images[position].pixels_for(box)
        at = left + (width - placed.width) // 2, top + (height - placed.height) // 2
        page.paste(placed.convert(mode), at)
        if sheet.trim:
            outline = (at[0] - 1, at[1] - 1, at[0] + placed.width, at[1] + placed.height)
            draw.rectangle(outline, outline=_fill(255 - sheet.border, mode), width=2)
    return page


def print_sheet(sheet: Sheet, folder: Path) -> Path:
    """The film's PDF in `folder`, on disk when this returns; `OSError` when it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%S.%f}Z-{os.urandom(3).hex()}.pdf"
    part = path.with_suffix(_UNFINISHED)
    try:
        with _ONE_AT_A_TIME, part.open("xb") as file:
            compose(sheet).save(
                file, "PDF", resolution=DOTS_PER_INCH, quality=_JPEG_QUALITY, title=sheet.title, producer="dicom-graph"
            )
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(folder)
    return path


def clear_unfinished(folder: Path) -> None:
    """Removes the films that a process was killed over; what cannot be removed does no harm."""
    with suppress(OSError):
        for part in folder.glob(f"*{_UNFINISHED}"):
            part.unlink(missing_ok=True)


def _fill(gray: int, mode: str) -> int | tuple[int, int, int]:
    return gray if mode == "L" else (gray, gray, gray)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Our pictures against dcmtk's, for every picture file that comes with pydicom and that dcmtk can show."""

import io
import shutil
import subprocess
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as pillow
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSTransferSyntaxes

from pacs.errors import NoPicture
from pacs.rendering.request import Rendering, Window
from pacs.thumbnails import Renderer
from tests.pacs.thumbnail_files import WHEEL
from tests.real.required import need

HOW = "dcmtk is missing: apt-get install dcmtk"
FILES = sorted(path for path in WHEEL.parent.rglob("*") if path.is_file() and path.suffix in ("", ".dcm"))
# dcmtk swaps the bytes of 32-bit big-endian pixels in pairs; we show these files as their little-endian twins.
OTHERWISE_IN_DCMTK = {"rtdose_expb.dcm", "rtdose_expb_1frame.dcm"}


@dataclass(frozen=True)
class Comparison:
    """One file's outcome: milliseconds for the whole frame, and the mean difference to dcmtk's pixels, of 255."""

    name: str
    outcome: str
    milliseconds: float
    difference: float | None
    shown_by_dcmtk: bool

    def __str__(self) -> str:
        difference = "" if self.difference is None else f"{self.difference:.3f}"
        return f"{self.name:48} {self.outcome:14} {self.milliseconds:7.1f} {difference:>10}"


def described(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, force=True)


def has_pixels(path: Path) -> bool:
    return any(keyword in described(path) for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


@dataclass(frozen=True)
class Windows:
    """The same window for us and for dcmtk, where the file has none: there the two choose differently."""

    ours: Window | None
    theirs: tuple[str, ...]


def windows_for(found: Dataset) -> Windows:
    if found.get("Modality") == "RTDOSE":  # we count in Gy, dcmtk in stored values
        return Windows(Window(1.0, 0.5, "LINEAR_EXACT"), ("+Ww", str(1.0 / found.DoseGridScaling), "500000"))
    if found.get("BitsAllocated") == 1:  # dcmtk shows the 1 of one bit as half of white
        return Windows(None, ("+Wm",))
    if found.get("WindowWidth"):
        return Windows(None, ("+Wi", "1"))
    if found.get("BitsAllocated", 8) > 8 and found.get("SamplesPerPixel") == 1:
        return Windows(Window(600, 1600), ("+Ww", "600", "1600"))
    return Windows(None, ())


def by_dcmtk(path: Path, found: Dataset, window: tuple[str, ...], target: Path) -> NDArray[np.int16] | None:
    syntax = getattr(found, "file_meta", Dataset()).get("TransferSyntaxUID")
    program = "dcml2pnm" if syntax in JPEGLSTransferSyntaxes else "dcmj2pnm"
    command = [program, "--quiet", "--write-png", "--no-overlays", "--frame", "1", *window, str(path), str(target)]
    if subprocess.run(command, check=False, capture_output=True).returncode or not target.exists():
        return None
    return np.asarray(pillow.open(target).convert("RGB"), np.int16)


async def compare(renderer: Renderer, path: Path, folder: Path) -> Comparison:
    found = described(path)
    name = str(path.relative_to(WHEEL.parent)).removeprefix("test_files/")
    windows = windows_for(found)
    theirs = by_dcmtk(path, found, windows.theirs, folder / f"{path.stem}.png")
    started = time.perf_counter()
    try:
        picture = await renderer.render(path, Rendering(frame=1, window=windows.ours, content_type="image/png"))
    except NoPicture as nothing:
        milliseconds = (time.perf_counter() - started) * 1e3
        return Comparison(name, nothing.reason, milliseconds, None, theirs is not None)
    milliseconds = (time.perf_counter() - started) * 1e3
    ours = np.asarray(pillow.open(io.BytesIO(picture.body)).convert("RGB"), np.int16)
    if theirs is None:
        return Comparison(name, "shown", milliseconds, None, False)
    difference = float(np.abs(ours - fitted(theirs, ours.shape)).mean())
    return Comparison(name, "shown", milliseconds, difference, True)


def fitted(theirs: NDArray[np.int16], shape: tuple[int, ...]) -> NDArray[np.int16]:
    """dcmtk's picture with the square pixels that ours has: it leaves oblong ones as they are."""
    if theirs.shape == shape:
        return theirs
    picture = pillow.fromarray(theirs.astype(np.uint8))
    return np.asarray(picture.resize((shape[1], shape[0]), pillow.Resampling.BICUBIC), np.int16)


async def test_our_pictures_are_those_of_dcmtk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need(shutil.which("dcmj2pnm") and shutil.which("dcml2pnm"), HOW)
    renderer = Renderer(workers=1)
    try:
        await renderer.render(WHEEL / "CT_small.dcm", Rendering())
        rows = [await compare(renderer, path, tmp_path) for path in FILES if has_pixels(path)]
    finally:
        await renderer.aclose()

    with capsys.disabled():
        print(f"\n{'file':48} {'outcome':14} {'ms':>7} {'difference':>10}", *rows, sep="\n")
    shown = [row for row in rows if row.outcome == "shown"]
    compared = [row for row in shown if row.difference is not None]
    with capsys.disabled():
        print(f"{len(rows)} files, {len(shown)} shown, {len(compared)} compared")
    test_files = [row for row in shown if "/" not in row.name]
    assert len(test_files) >= 58
    assert [row.name for row in rows if row.shown_by_dcmtk and row not in compared] == []
    assert len(compared) >= 90
    assert {row.name for row in compared if (row.difference or 0) > 1.0} == OTHERWISE_IN_DCMTK

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
from pacs.thumbnails import Renderer, Rendering, Window
from tests.pacs.thumbnail_files import WHEEL
from tests.real.required import need

HOW = "dcmtk is missing: apt-get install dcmtk"
NAMES = sorted(path.name for path in WHEEL.iterdir() if path.is_file() and path.suffix == ".dcm")
# dcmtk swaps the bytes of 32-bit big-endian pixels in pairs; we show these files as their little-endian twins.
OTHERWISE_IN_DCMTK = {"rtdose_expb.dcm", "rtdose_expb_1frame.dcm"}


@dataclass(frozen=True)
class Comparison:
    """One file's outcome: milliseconds for the whole frame, and the mean difference to dcmtk's pixels, of 255."""

    name: str
    outcome: str
    milliseconds: float
    difference: float | None

    def __str__(self) -> str:
        difference = "" if self.difference is None else f"{self.difference:.3f}"
        return f"{self.name:44} {self.outcome:14} {self.milliseconds:7.1f} {difference:>10}"


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
    windows = windows_for(found)
    started = time.perf_counter()
    try:
        picture = await renderer.render(path, Rendering(frame=1, window=windows.ours, content_type="image/png"))
    except NoPicture as nothing:
        return Comparison(path.name, nothing.reason, (time.perf_counter() - started) * 1e3, None)
    milliseconds = (time.perf_counter() - started) * 1e3
    ours = np.asarray(pillow.open(io.BytesIO(picture.body)).convert("RGB"), np.int16)
    theirs = by_dcmtk(path, found, windows.theirs, folder / f"{path.stem}.png")
    if theirs is None:
        return Comparison(path.name, "shown", milliseconds, None)
    assert theirs.shape == ours.shape, path.name
    return Comparison(path.name, "shown", milliseconds, float(np.abs(ours - theirs).mean()))


async def test_our_pictures_are_those_of_dcmtk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need(shutil.which("dcmj2pnm") and shutil.which("dcml2pnm"), HOW)
    renderer = Renderer(workers=1)
    try:
        await renderer.render(WHEEL / "CT_small.dcm", Rendering())
        rows = [await compare(renderer, WHEEL / name, tmp_path) for name in NAMES if has_pixels(WHEEL / name)]
    finally:
        await renderer.aclose()

    with capsys.disabled():
        print(f"\n{'file':44} {'outcome':14} {'ms':>7} {'difference':>10}", *rows, sep="\n")
    assert sum(row.outcome == "shown" for row in rows) >= 58
    compared = [row for row in rows if row.difference is not None]
    assert len(compared) >= 40
    assert {row.name for row in compared if (row.difference or 0) > 1.0} == OTHERWISE_IN_DCMTK

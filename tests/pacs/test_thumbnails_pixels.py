"""The pixels of pictures: each way to store them, and each step from stored values to greys and colours."""

import base64
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as pillow
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEGBaseline8Bit,
    RLELossless,
    SegmentationStorage,
)

from pacs.errors import NoPicture
from pacs.rendering.render import render
from pacs.rendering.request import Rendering, Window
from tests.pacs.thumbnail_files import dataset, image_dataset, save, wheel_file

MEMORY_BYTES = 256 << 20
RAMP = np.arange(256, dtype="u1").reshape(16, 16)
# A 32×32 image of 16 bits, value (row + 3 × column) × 16, as a lossless HTJ2K codestream.
HTJ2K_FRAME = base64.b64decode(
    "/0//UQApQAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCI"
    "kJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAALcAAf+TwAAma/sFB3QAwAATQAATANr+Aod0"
    "AEj+Agd0AMAAE8AAE4Bs2f4CAnQAIkX+AGNUAMAAFTAABVC0tLS0qnGCdQCQEAjkwCEB7LYAwAAV8AAFolar1Wq1Wq3nynp6cQJ4"
    "AEbDMAzDMP79hCB79hCB7LoAwAAtmAAFrp7neZ7neZ7neZ7nefn/Cnp6enp6enCCfQDe3d3d3d3d3f94Zye/fJ798nv3yey/AP/Z"
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def shown(path: Path, **asked: Any) -> NDArray[np.int16]:
    picture = render(path, Rendering(content_type="image/png", **asked), MEMORY_BYTES)
    return np.asarray(pillow.open(io.BytesIO(picture.body)), np.int16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.dcm"


def item(**attributes: Any) -> Sequence:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return Sequence([made])


# Grey: the modality LUT, windows and tables


def test_eight_bits_without_a_window_are_shown_as_they_are(path: Path) -> None:
    save(image_dataset(RAMP), path)

    assert (shown(path) == RAMP).all()


def test_monochrome1_is_shown_inverted(path: Path) -> None:
    save(image_dataset(RAMP, PhotometricInterpretation="MONOCHROME1"), path)

    assert (shown(path) == 255 - RAMP).all()


@pytest.mark.parametrize(
    ("function", "values", "greys"),
    [
        # PS3.3 §C.11.2.1.2: center 100, width 101: black to 49.5, white from 149.5
        ("LINEAR", [0, 49, 100, 150, 4000], [0, 0, 129, 255, 255]),
        ("LINEAR_EXACT", [0, 49, 100, 151, 4000], [0, 0, 128, 255, 255]),
        ("SIGMOID", [0, 100, 151, 4000], [5, 128, 225, 255]),
    ],
)
def test_windows_follow_their_function(path: Path, function: str, values: list[int], greys: list[int]) -> None:
    stored = np.array([values], "u2")
    save(image_dataset(stored, WindowCenter="100", WindowWidth="101", VOILUTFunction=function), path)

    assert shown(path).tolist() == [greys]


def test_the_window_asked_for_wins_over_the_stored_one(path: Path) -> None:
    save(image_dataset(np.array([[0, 50, 100]], "u2"), WindowCenter="9000", WindowWidth="10"), path)

    assert shown(path, window=Window(50, 100, "LINEAR_EXACT")).tolist() == [[0, 128, 255]]


def test_the_first_of_several_windows_is_taken(path: Path) -> None:
    made = image_dataset(np.array([[0, 50, 100]], "u2"), VOILUTFunction="LINEAR_EXACT")
    made.WindowCenter, made.WindowWidth = [50, 900], [100, 10]
    save(made, path)

    assert shown(path).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("width", ["0", "-5", "0.5"])
def test_a_window_without_width_is_none(path: Path, width: str) -> None:
    save(image_dataset(np.array([[0, 500, 1000]], "u2"), WindowCenter="7", WindowWidth=width), path)

    assert shown(path).tolist() == [[0, 128, 255]]


def test_windows_count_in_values_after_the_rescaling(path: Path) -> None:
    stored = np.array([[0, 1024, 2048]], "i2")
    save(image_dataset(stored, RescaleSlope="1", RescaleIntercept="-1024", WindowCenter="0", WindowWidth="100"), path)

    assert shown(path).tolist() == [[0, 129, 255]]


def test_a_modality_table_comes_before_the_window(path: Path) -> None:
    made = image_dataset(np.array([[0, 1, 2]], "u2"), WindowCenter="500", WindowWidth="1000")
    made.VOILUTFunction = "LINEAR_EXACT"
    made.ModalityLUTSequence = item(LUTDescriptor=[3, 0, 16], ModalityLUTType="US", LUTData=[1000, 500, 0])
    made.ModalityLUTSequence[0]["LUTData"].VR = "US"
    save(made, path)

    assert shown(path).tolist() == [[255, 128, 0]]


def test_a_table_of_interest_is_used_where_there_is_no_window(path: Path) -> None:
    made = image_dataset(np.array([[10, 11, 12, 999]], "u2"))
    made.VOILUTSequence = item(LUTDescriptor=[3, 10, 8], LUTData=[255, 0, 51])
    made.VOILUTSequence[0]["LUTData"].VR = "US"
    save(made, path)

    assert shown(path).tolist() == [[255, 0, 51, 51]]


def test_deep_images_without_a_window_show_the_range_in_use(path: Path) -> None:
    stored = np.linspace(1000, 3000, 4096).reshape(64, 64).astype("u2")
    stored[0, 0] = 65535
    save(image_dataset(stored), path)

    seen = shown(path)

    assert seen[0, 1] == 0
    assert seen[-1, -1] == 255
    assert abs(int(seen[32, 0]) - 128) <= 1


@pytest.mark.parametrize("cell", ["u2", "i2"])
def test_bits_that_are_not_stored_mean_nothing(path: Path, cell: str) -> None:
    stored = np.linspace(0, 2000, 4096).reshape(64, 64).astype(cell)
    save(image_dataset(stored, BitsStored=12, HighBit=11), path)
    without = shown(path)

    stored[::2] |= np.array(0x5000, cell)  # an overlay
    save(image_dataset(stored, BitsStored=12, HighBit=11), path)

    assert shown(path).tolist() == without.tolist()


def test_the_range_in_use_is_that_of_the_values_after_the_rescaling(path: Path) -> None:
    stored = np.linspace(0, 3000, 4096).reshape(64, 64).astype("u2")
    save(image_dataset(stored, RescaleSlope="-2", RescaleIntercept="100"), path)

    seen = shown(path)

    assert (seen[0, 0], seen[-1, -1]) == (255, 0)
    assert abs(int(seen[32, 0]) - 127) <= 1


def test_the_range_in_use_is_that_of_the_values_after_a_modality_table(path: Path) -> None:
    made = image_dataset(np.array([[0, 1, 2, 3]], "u2"))
    made.ModalityLUTSequence = item(LUTDescriptor=[4, 0, 16], ModalityLUTType="US", LUTData=[500, 1000, 0, 500])
    made.ModalityLUTSequence[0]["LUTData"].VR = "US"
    save(made, path)

    assert shown(path).tolist() == [[128, 255, 0, 128]]


@pytest.mark.parametrize("padding", [-2000, 63536])
def test_padding_is_black_and_no_part_of_the_range(path: Path, padding: int) -> None:
    stored = np.full((10, 10), -2000, "i2")
    stored[2:8, 2:8] = np.arange(36).reshape(6, 6)
    made = image_dataset(stored, PhotometricInterpretation="MONOCHROME1")
    made.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
    save(made, path)

    seen = shown(path)

    assert (seen[0] == 0).all()
    assert (seen[2, 2], seen[7, 7]) == (255, 0)


def test_a_flat_image_is_shown(path: Path) -> None:
    save(image_dataset(np.full((4, 4), 77, "u2")), path)

    assert shown(path).shape == (4, 4)


@pytest.mark.parametrize(("kind", "keyword"), [("f4", "FloatPixelData"), ("f8", "DoubleFloatPixelData")])
def test_parametric_maps_are_shown(path: Path, kind: str, keyword: str) -> None:
    stored = np.array([[0.0, 0.25, 0.5], [0.75, 1.0, np.nan]], kind)
    made = image_dataset(stored)
    del made.BitsStored, made.HighBit, made.PixelRepresentation
    setattr(made, keyword, stored.tobytes())
    save(made, path)

    assert shown(path, window=Window(0.5, 1.0, "LINEAR_EXACT")).tolist() == [[0, 64, 128], [191, 255, 0]]
    assert shown(path)[1, 1] == 255


def test_dose_windows_count_in_gray() -> None:
    seen = shown(wheel_file("rtdose_1frame.dcm"), window=Window(1.0, 0.5, "LINEAR_EXACT"))

    assert 0 < seen.min() < 128 < seen.max()


# Colour


PALETTE = {"Red": [0, 255, 10], "Green": [1, 0, 20], "Blue": [2, 0, 30]}


def palette(bits: int, first: int = 0, scale: int = 1) -> dict[str, Any]:
    form = "<" + ("H" if bits == 16 else "B") * 3
    described: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in PALETTE.items():
        described[f"{name}PaletteColorLookupTableDescriptor"] = [3, first, bits]
        table = struct.pack(form, *(entry * scale for entry in entries))
        described[f"{name}PaletteColorLookupTableData"] = table + b"\0" * (len(table) % 2)
    return described


@pytest.mark.parametrize(
    ("bits", "scale"), [(8, 1), (16, 256), (16, 1)], ids=["8 bits", "16 bits", "16 bits with entries of 8"]
)
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_palettes_give_colours(path: Path, bits: int, scale: int, kind: str) -> None:
    save(image_dataset(np.array([[0, 1, 2, 200]], kind), **palette(bits, scale=scale)), path)

    assert shown(path).tolist() == [[[0, 1, 2], [255, 0, 0], [10, 20, 30], [10, 20, 30]]]


def test_palettes_begin_at_their_first_value(path: Path) -> None:
    save(image_dataset(np.array([[5, 100, 101, 102]], "u2"), **palette(8, first=100)), path)

    assert shown(path).tolist() == [[[0, 1, 2], [0, 1, 2], [255, 0, 0], [10, 20, 30]]]


@pytest.mark.parametrize(("bits", "kind"), [(16, "H"), (8, "B")])
def test_segmented_palettes_are_expanded(path: Path, bits: int, kind: str) -> None:
    top = 200 << (bits - 8)
    # discrete: 0; linear: 4 entries to the top; indirect: the linear segment again, now from the top to the top
    linear_at = 3 * bits // 8
    words = [0, 1, 0, 1, 4, top, 2, 1, *([linear_at, 0] if bits == 16 else [linear_at, 0, 0, 0])]
    body = struct.pack(f"<{len(words)}{kind}", *words)
    made = image_dataset(np.arange(9, dtype="u1").reshape(1, 9), PhotometricInterpretation="PALETTE COLOR")
    for name in PALETTE:
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [9, 0, bits])
        setattr(made, f"Segmented{name}PaletteColorLookupTableData", body)
    save(made, path)

    assert shown(path)[0, :, 0].tolist() == [0, 50, 100, 150, 200, 200, 200, 200, 200]


def test_a_palette_that_repeats_itself_is_refused(path: Path) -> None:
    made = image_dataset(np.zeros((2, 2), "u1"), PhotometricInterpretation="PALETTE COLOR")
    body = struct.pack("<8H", 0, 1, 0, 2, 9, 6, 0, 0)
    for name in PALETTE:
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"Segmented{name}PaletteColorLookupTableData", body)
    save(made, path)

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "damaged"


COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]], "u1")


@pytest.mark.parametrize(("kind", "shift"), [("u1", 0), ("u2", 8), ("u4", 24)])
@pytest.mark.parametrize("planar", [0, 1])
def test_colours_of_any_depth_and_order_are_shown(path: Path, kind: str, shift: int, planar: int) -> None:
    stored = COLOURS.astype(kind) << np.array(shift, kind)
    made = image_dataset(stored)
    if planar:
        made.PlanarConfiguration = 1
        made.PixelData = stored.transpose(2, 0, 1).tobytes()
    save(made, path)

    assert (shown(path) == COLOURS).all()


def test_ybr_becomes_rgb(path: Path) -> None:
    stored = np.asarray(pillow.fromarray(COLOURS).convert("YCbCr"))
    save(image_dataset(stored, PhotometricInterpretation="YBR_FULL"), path)

    assert np.abs(shown(path) - COLOURS).max() <= 2


def test_ybr_of_two_pixels_a_colour_becomes_rgb(path: Path) -> None:
    made = image_dataset(np.zeros((2, 4, 3), "u1"), PhotometricInterpretation="YBR_FULL_422")
    red = pillow.new("RGB", (1, 1), (255, 0, 0)).convert("YCbCr").getpixel((0, 0))
    assert isinstance(red, tuple)
    made.PixelData = bytes([int(red[0]), int(red[0]), int(red[1]), int(red[2])]) * 4
    save(made, path)

    assert np.abs(shown(path) - [254, 0, 0]).max() <= 2


def test_four_samples_a_pixel_are_unsupported(path: Path) -> None:
    save(image_dataset(RAMP, SamplesPerPixel=4, PhotometricInterpretation="ARGB"), path)

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "unsupported"


# Encodings: the same pixels, stored in other ways


@pytest.mark.parametrize(
    "name",
    ["RLE", "bigendian", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"],
)
def test_the_same_image_looks_the_same_however_it_is_stored(name: str) -> None:
    assert (shown(wheel_file(f"MR_small_{name}.dcm")) == shown(wheel_file("MR_small.dcm"))).all()


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("rtdose_expb.dcm", "rtdose.dcm"),
        ("rtdose_rle.dcm", "rtdose.dcm"),
        ("rtdose_expb_1frame.dcm", "rtdose_1frame.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
        ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm"),
        ("SC_rgb_rle_32bit_2frame.dcm", "SC_rgb_rle_2frame.dcm"),
        ("examples_jpeg2k.dcm", "examples_rgb_color.dcm"),
    ],
)
def test_twins_of_the_wheel_look_the_same(name: str, twin: str) -> None:
    ours, theirs = (shown(wheel_file(file), viewport=(64, 64)) for file in (name, twin))
    assert np.abs(ours - theirs).mean() < (6.0 if "jpeg2k" in name else 0.01)


@pytest.mark.parametrize(
    "name",
    ["693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm", "MR_small_jp2klossless.dcm", "examples_jpeg2k.dcm"],
)
def test_a_thumbnail_of_jpeg_2000_looks_like_the_whole_picture(name: str) -> None:
    whole = pillow.fromarray(shown(wheel_file(name)).astype("u1"))
    small = shown(wheel_file(name), viewport=(60, 60))

    expected = np.asarray(whole.resize(small.shape[1::-1], pillow.Resampling.BOX), np.int16)

    assert np.abs(small - expected).mean() < 6


def test_high_throughput_jpeg_2000_is_shown(path: Path) -> None:
    made = image_dataset(np.zeros((32, 32), "u2"), TransferSyntaxUID=HTJ2KLossless)
    made.PixelData = encapsulate([HTJ2K_FRAME])
    made["PixelData"].is_undefined_length = True
    save(made, path)
    rows, columns = np.mgrid[:32, :32]

    seen = shown(path, window=Window(1000, 2000, "LINEAR_EXACT"))

    assert np.abs(seen - (rows + columns * 3) * 16 / 2000 * 255).max() <= 0.5


def test_a_deflated_file_looks_as_before(path: Path) -> None:
    save(image_dataset(RAMP, TransferSyntaxUID=DeflatedExplicitVRLittleEndian), path)

    assert (shown(path) == RAMP).all()


def test_a_file_that_breaks_off_shows_what_is_there(path: Path) -> None:
    made = image_dataset(np.full((16, 16), 200, "u1"))
    save(made, path)
    path.write_bytes(path.read_bytes()[:-64])

    seen = shown(path)

    assert (seen[:12] == 200).all()
    assert (seen[12:] == 0).all()


def test_a_file_that_breaks_off_early_shows_nothing(path: Path) -> None:
    save(image_dataset(RAMP), path)
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "damaged"


def test_an_unknown_transfer_syntax_is_unsupported(path: Path) -> None:
    made = image_dataset(RAMP, TransferSyntaxUID="1.2.840.10008.1.2.4.100")  # MPEG2
    made.PixelData = encapsulate([bytes(100)])
    made["PixelData"].is_undefined_length = True
    save(made, path)

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "unsupported"


# Frames


def frames_of(count: int) -> NDArray[np.uint8]:
    return np.stack([np.full((8, 8), frame * 10, "u1") for frame in range(1, count + 1)])


def test_each_frame_can_be_asked_for(path: Path) -> None:
    save(image_dataset(frames_of(5)), path)

    assert [int(shown(path, frame=frame)[0, 0]) for frame in range(1, 6)] == [10, 20, 30, 40, 50]
    with pytest.raises(NoPicture) as caught:
        shown(path, frame=6)
    assert caught.value.reason == "no_such_frame"


def test_the_middle_frame_stands_for_all(path: Path) -> None:
    save(image_dataset(frames_of(5)), path)

    assert shown(path)[0, 0] == 30


def test_the_frame_that_the_file_names_stands_for_all(path: Path) -> None:
    save(image_dataset(frames_of(5), RepresentativeFrameNumber=2), path)

    assert shown(path)[0, 0] == 20


def test_segmentations_of_one_bit_are_unpacked_across_bytes(path: Path) -> None:
    masks = np.zeros((3, 3, 5), "u1")
    masks[1, 1, 1] = masks[2, 0, 2] = 1
    made = image_dataset(masks, SOPClassUID=SegmentationStorage, BitsAllocated=1, BitsStored=1, HighBit=0)
    made.PixelData = np.packbits(masks.ravel(), bitorder="little").tobytes()
    save(made, path)

    assert [(shown(path, frame=frame + 1) == masks[frame] * 255).all() for frame in range(3)] == [True] * 3


def test_enhanced_images_have_a_window_for_each_frame(path: Path) -> None:
    made = image_dataset(np.stack([np.array([[0, 50, 100, 0]], "u2")] * 2))
    groups = []
    for center in (50, 1000):
        group = Dataset()
        group.FrameVOILUTSequence = item(WindowCenter=center, WindowWidth=100, VOILUTFunction="LINEAR_EXACT")
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = Sequence(groups)
    shared = Dataset()
    shared.PixelValueTransformationSequence = item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    save(made, path)

    assert shown(path, frame=1).tolist() == [[0, 128, 255, 0]]
    assert shown(path, frame=2).tolist() == [[0, 0, 0, 0]]


def jpeg(grey: int) -> bytes:
    target = io.BytesIO()
    pillow.new("L", (64, 64), grey).save(target, "JPEG")
    return target.getvalue()


@pytest.mark.parametrize("stored", ["table", "extended table", "no table", "fragments", "fragments and table"])
def test_compressed_frames_are_found_however_they_are_laid_out(path: Path, stored: str) -> None:
    made = image_dataset(np.zeros((4, 64, 64), "u1"), TransferSyntaxUID=JPEGBaseline8Bit)
    frames = [jpeg(grey) for grey in (10, 60, 110, 160)]
    if stored == "extended table":
        made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    else:
        parts = 3 if stored.startswith("fragments") else 1
        made.PixelData = encapsulate(
            frames,
            fragments_per_frame=parts,
            has_bot=not stored.startswith(("no", "fragments")) or stored.endswith("table"),
        )
    made["PixelData"].is_undefined_length = True
    save(made, path)

    assert [int(shown(path, frame=frame)[0, 0]) for frame in (1, 2, 3, 4)] == [10, 60, 110, 160]


class CountingFile(io.FileIO):
    """A file that counts the bytes read of it."""

    total = 0

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer) or 0
        CountingFile.total += count
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size) or b""
        CountingFile.total += len(data)
        return data


@pytest.mark.parametrize("compressed", [False, True])
def test_only_one_frame_is_read_of_many(path: Path, compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = image_dataset(np.zeros((100, 256, 256), "u1"))
    if compressed:
        noise = np.random.default_rng(1).integers(0, 255, (256, 256), "u1")
        target = io.BytesIO()
        pillow.fromarray(noise).save(target, "JPEG", quality=95)
        made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        made.PixelData = encapsulate([target.getvalue()] * 100, fragments_per_frame=2, has_bot=False)
        made["PixelData"].is_undefined_length = True
    save(made, path)
    monkeypatch.setattr(Path, "open", lambda self, _mode, size: io.BufferedReader(CountingFile(self), size))
    CountingFile.total = 0

    shown(path, frame=90)

    assert path.stat().st_size > 5_000_000
    assert CountingFile.total < 500_000


# Size and shape


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"PixelSpacing": [2, 1]}, (40, 40)),
        ({"PixelAspectRatio": [1, 2]}, (80, 20)),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, (40, 20)),
        ({"PixelSpacing": [0.0001, 1]}, (40, 20)),
        ({"PixelSpacing": [0, 0]}, (40, 20)),
    ],
)
def test_pixels_that_are_not_square_are_made_so(path: Path, attributes: dict[str, Any], size: tuple[int, int]) -> None:
    save(image_dataset(np.zeros((20, 40), "u1"), **attributes), path)

    picture = render(path, Rendering(), MEMORY_BYTES)

    assert (picture.width, picture.height) == size


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (Rendering(), (40, 20)),
        (Rendering(viewport=(20, 20)), (20, 10)),
        (Rendering(viewport=(80, 80)), (80, 40)),
        (Rendering(viewport=(80, 80), thumbnail=True), (40, 20)),
        (Rendering(viewport=(1, 1)), (1, 1)),
    ],
)
def test_pictures_fill_their_viewport_and_thumbnails_stay_small(
    path: Path, asked: Rendering, size: tuple[int, int]
) -> None:
    save(image_dataset(np.zeros((20, 40), "u1")), path)

    picture = render(path, asked, MEMORY_BYTES)

    assert (picture.width, picture.height) == size


def test_a_lower_quality_makes_a_smaller_file() -> None:
    sizes = [
        len(render(wheel_file("examples_rgb_color.dcm"), Rendering(quality=quality), MEMORY_BYTES).body)
        for quality in (10, 50, 100)
    ]

    assert sizes == sorted(sizes)


def test_an_object_without_pixels_has_no_picture(path: Path) -> None:
    save(dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.5"), path)

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "no_pixels"


def test_other_files_have_no_picture(path: Path) -> None:
    for content in (b"", b"hello", bytes(4096), b"\xff" * 4096):
        path.write_bytes(content)
        with pytest.raises(NoPicture):
            shown(path)


def test_rle_of_more_segments_than_it_has_is_damaged(path: Path) -> None:
    made = image_dataset(np.zeros((8, 8), "u1"), TransferSyntaxUID=RLELossless)
    made.PixelData = encapsulate([struct.pack("<16L", 15, *range(15)) + bytes(16)])
    made["PixelData"].is_undefined_length = True
    save(made, path)

    with pytest.raises(NoPicture) as caught:
        shown(path)
    assert caught.value.reason == "damaged"

"""Where images lie on a sheet of film: sizes, orientation, and the image boxes of a display format (PS3.3 C.13.3)."""

from dataclasses import dataclass

from pacs.archive.dimse.printing.refused import INVALID_VALUE, Refused

_INCH = 25.4
_MARGIN = 5.0
_GAP = 2.5
_MOST_BOXES = 100
DEFAULT_SIZE = "14INX17IN"

SHEETS: dict[str, tuple[float, float]] = {
    "8INX10IN": (8 * _INCH, 10 * _INCH),
    "8_5INX11IN": (8.5 * _INCH, 11 * _INCH),
    "10INX12IN": (10 * _INCH, 12 * _INCH),
    "10INX14IN": (10 * _INCH, 14 * _INCH),
    "11INX14IN": (11 * _INCH, 14 * _INCH),
    "11INX17IN": (11 * _INCH, 17 * _INCH),
    "14INX14IN": (14 * _INCH, 14 * _INCH),
    "14INX17IN": (14 * _INCH, 17 * _INCH),
    "24CMX24CM": (240.0, 240.0),
    "24CMX30CM": (240.0, 300.0),
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
}
"""Film Size ID: width and height in mm of the sheet in PORTRAIT."""


@dataclass(frozen=True, slots=True)
class Box:
    """An image box: its upper left corner on the sheet and its size, in mm."""

    left: float
    top: float
    width: float
    height: float


def sheet_of(size: str, orientation: str) -> tuple[float, float]:
    """Width and height in mm of a sheet; `Refused` for a Film Size ID or orientation that is not known."""
    if size not in SHEETS:
        raise Refused(INVALID_VALUE, f"Film Size ID: one of {DEFAULT_SIZE}, A4, 24CMX30CM, ...")
    if orientation not in ("PORTRAIT", "LANDSCAPE"):
        raise Refused(INVALID_VALUE, "Film Orientation: PORTRAIT or LANDSCAPE")
    width, height = SHEETS[size]
    return (height, width) if orientation == "LANDSCAPE" else (width, height)


def boxes_of(display_format: str, sheet: tuple[float, float]) -> tuple[Box, ...]:
    r"""The image boxes of `STANDARD\C,R`, `ROW\R1,R2,…` or `COL\C1,C2,…`, in the order of Image Box Position.

    `Refused` for any other Image Display Format.
    """
    kind, _, counts = display_format.partition("\\")
    numbers = _counts(counts)
    if kind == "STANDARD" and len(numbers) == 2:
        columns, rows = numbers
        _check_number(columns * rows)
        return _grid([columns] * rows, sheet)
    _check_number(sum(numbers))
    if kind == "ROW":
        return _grid(numbers, sheet)
    if kind == "COL":
        turned = _grid(numbers, (sheet[1], sheet[0]))
        return tuple(Box(box.top, box.left, box.height, box.width) for box in turned)
    raise Refused(INVALID_VALUE, "Image Display Format: STANDARD\\C,R, ROW\\... or COL\\...")


def _counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(text) > 64:
        raise Refused(INVALID_VALUE, "Image Display Format: numbers divided by commas")
    numbers = [int(part) for part in parts]
    if min(numbers) < 1:
        raise Refused(INVALID_VALUE, "Image Display Format: at least one image in each row and column")
    return numbers


def _check_number(boxes: int) -> None:
    if boxes > _MOST_BOXES:
        raise Refused(INVALID_VALUE, f"Image Display Format: 1 to {_MOST_BOXES} image boxes")


def _grid(images_of_rows: list[int], sheet: tuple[float, float]) -> tuple[Box, ...]:
    """Rows of equal height, each divided equally among its images."""
    width, height = sheet[0] - 2 * _MARGIN, sheet[1] - 2 * _MARGIN
    row_height = (height - _GAP * (len(images_of_rows) - 1)) / len(images_of_rows)
    boxes = []
    for row, count in enumerate(images_of_rows):
        top = _MARGIN + row * (row_height + _GAP)
        image_width = (width - _GAP * (count - 1)) / count
        boxes += [Box(_MARGIN + n * (image_width + _GAP), top, image_width, row_height) for n in range(count)]
    return tuple(boxes)

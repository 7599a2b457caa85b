"""The value behind a `BulkDataURI`: found by walking the file, read in pieces (PS3.18 §10.4, §F.2.2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pacs import file_meta
from pacs.archive.byte_order import little_endian
from pacs.archive.streams import CHUNK_BYTES
from pacs.element_headers import ITEM, Element
from pacs.elements import walk
from pacs.sources import Source


@dataclass(frozen=True, slots=True)
class Value:
    """Where a value lies in its file; see `Element`."""

    path: Path
    element: Element

    @property
    def length(self) -> int:
        """Its size in bytes."""
        return self.element.length

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in little endian words."""
        with opened(self.path) as (source, _):
            offset, end = self.element.offset, self.element.offset + self.element.length
            while offset < end:
                piece = source.read(offset, min(CHUNK_BYTES, end - offset))
                offset += len(piece)
                yield little_endian(piece, self.element.vr, self.element.big_endian)


def find(path: Path, *names: str) -> Value | None:
    """The first value of a name such as `00880200/0/7FE00010` (tag, item, tag …) in the file at `path`, if any."""
    wanted = [name.split("/") for name in names]
    with opened(path) as (_, elements):
        here: list[str] = []
        items: list[int] = []
        for element in elements:
            del here[2 * element.depth - (1 if element.tag == ITEM else 0) :]
            if element.tag == ITEM:
                del items[element.depth :]
                items[element.depth - 1] += 1
                here.append(str(items[element.depth - 1]))
                continue
            here.append(f"{element.tag:08X}")
            if element.vr == "SQ":
                items[element.depth :] = [-1]
            elif here in wanted:
                return Value(path, element)
    return None


@contextmanager
def opened(path: Path) -> Iterator[tuple[Source, Iterator[Element]]]:
    """A stored file's source and its elements."""
    with path.open("rb") as file:
        yield _dataset(file, path.stat().st_size)


def _dataset(file: BinaryIO, size: int) -> tuple[Source, Iterator[Element]]:
    source, offset, encoding = file_meta.open_dataset(file, size, file_meta.read_meta(file, size))
    return source, walk(source, offset, encoding)

"""Several files as the body of one request (RFC 2046 §5.1), made while it is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs import multipart
from pacs.blocks import BLOCK_BYTES, blocks_of
from pacs.sources import ReadableFile


@dataclass(frozen=True)
class Bundle:
    """A body of `size` bytes, whose parts are files of one type."""

    boundary: str
    size: int
    _heads: Sequence[bytes]
    _files: Sequence[ReadableFile]

    @classmethod
    def of(
        cls, files: Sequence[ReadableFile], sizes: Sequence[int], content_type: str, *, form: bool = False
    ) -> "Bundle":
        """Of files of these sizes; in a `form` they have names, as RFC 7578 §4.2 wants it."""
        boundary = multipart.new_boundary()
        heads = [
            multipart.opening(boundary, content_type, first=not number, form_name=f"file{number}" if form else None)
            for number in range(len(files))
        ]
        size = sum(map(len, heads)) + sum(sizes) + len(multipart.closing(boundary))
        return cls(boundary, size, heads, files)

    def blocks(self) -> Iterator[bytes]:
        """The body in blocks of about `BLOCK_BYTES`, of several small files or of a part of a large one."""
        waiting: list[bytes] = []
        for head, file in zip(self._heads, self._files, strict=True):
            waiting.append(head)
            for piece in blocks_of(file):
                if sum(map(len, waiting)) + len(piece) > BLOCK_BYTES:
                    yield b"".join(waiting)
                    waiting = []
                waiting.append(piece)
        yield b"".join((*waiting, multipart.closing(self.boundary)))

"""Bodies of many datasets, or tables of them: in memory while they are small, then in a file without a name."""

from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

import orjson
from starlette.responses import Response

from pacs import multipart
from pacs.archive import http, native_xml
from pacs.archive.answers import Streamed
from pacs.archive.streams import CHUNK_BYTES, threaded
from pacs.attributes import JSONDataset

MOST_IN_MEMORY_BYTES = 4 * 1024 * 1024


class Body:
    """A list in DICOM JSON, tags ascending (PS3.18 §F.2.2), or of tables, or parts in DICOM XML.

    It blocks: for threads. What was written and is not answered when its block ends is given up.
    """

    def __init__(self, media_type: str) -> None:
        self._media_type = media_type
        self._is_json = media_type != http.DICOM_XML
        self._boundary = multipart.new_boundary()
        self._is_empty = True
        self._written = bytearray()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, datasets: Iterable[JSONDataset]) -> None:
        """Writes some more. `OSError`."""
        for dataset in datasets:
            self._written += self._opening()
            self._written += _json(dataset) if self._is_json else native_xml.encode(dataset)
            self._is_empty = False
            if len(self._written) > MOST_IN_MEMORY_BYTES:
                self._spill()

    def answer(self, warnings: Iterable[str] = ()) -> Response:
        """The answer, once. Parts that are none make no body: 204."""
        headers = http.warning_header(warnings)
        if self._is_empty and not self._is_json:
            return Response(status_code=204, headers=headers)
        self._written += self._closing()
        headers["content-type"] = self._media_type
        if not self._is_json:
            headers["content-type"] = f'{http.MULTIPART}; type="{http.DICOM_XML}"; boundary={self._boundary}'
        if self._file is None:
            return Response(bytes(self._written), headers=headers)
        self._spill()
        file, self._file = self._file, None
        headers["content-length"] = str(file.tell())
        return Streamed(threaded(_pieces(file)), headers=headers)

    def _spill(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115  # it is closed where it is sent, or with the block
        self._file.write(self._written)
        self._written.clear()

    def _opening(self) -> bytes:
        if self._is_json:
            return b"[" if self._is_empty else b","
        return multipart.opening(self._boundary, http.DICOM_XML, first=self._is_empty)

    def _closing(self) -> bytes:
        if self._is_json:
            return b"[]" if self._is_empty else b"]"
        return multipart.closing(self._boundary)


def _json(dataset: JSONDataset) -> bytes:
    return orjson.dumps(dataset, option=orjson.OPT_SORT_KEYS)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(CHUNK_BYTES):
            yield piece

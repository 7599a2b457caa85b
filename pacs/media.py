"""Offline media: instances as Part 10 files with a DICOMDIR (PS3.10 §8), as a zip that is made while it is sent."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import IO, Any, cast

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pacs.dicomdir import Directory
from pacs.directory_records import KEYWORDS
from pacs.errors import InvalidDicom, NotFound
from pacs.rendering.deflated import inflated

_CHUNK_BYTES = 1 << 20
_ZIP64_FROM_BYTES = 1 << 31
_READABLE = 0o644 << 16
_FOLDER = "DICOM"
_TAGS: list[Any] = [tag_for_keyword(keyword) for keyword in KEYWORDS]
_DEFERRED_BYTES = 1 << 16
_MOST_INFLATED_BYTES = 64 << 20


async def media(instances: AsyncIterable[Path], *, deflate: bool = False) -> AsyncIterator[bytes]:
    """The chunks of a zip with all `instances`, and their DICOMDIR at its end.

    Each file is read whole before the next one is asked for: whoever gives the paths may then delete it, so that the
    disk holds one instance at a time. Memory stays at a few megabytes and about 1 KB an instance. File names count
    series and instances: they say nothing of the patient. Instances are stored as they are; `deflate` compresses them.

    Raises NotFound when there is no instance, before the first chunk; InvalidDicom for a file that is no DICOM object,
    which leaves the zip without its end, so that no reader takes it for whole.
    """
    sink = _Sink()
    archive = zipfile.ZipFile(
        cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED, compresslevel=1
    )
    directory = Directory()
    names = _Names()
    async for path in instances:
        header = await asyncio.to_thread(_header, path)
        file_id = names.next(str(header.SeriesInstanceUID))
        directory.add(header, file_id, names.count)
        async for chunk in _entry(archive, sink, "/".join(file_id), path):
            yield chunk
    if not names.count:
        raise NotFound("there is no instance")
    await asyncio.to_thread(archive.writestr, _info("DICOMDIR", zipfile.ZIP_DEFLATED), directory.encoded())
    await asyncio.to_thread(archive.close)
    yield sink.taken()


class _Sink:
    """What the zip is written to: a stream that cannot seek, emptied after every step."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """Keeps the data until it is taken."""
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Part of what a zip is written to; there is nothing to do."""

    def taken(self) -> bytes:
        """All that was written since the last time."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


class _Names:
    """File IDs: at most 8 characters a component, of A–Z, 0–9 and _ (PS3.10 §8.2)."""

    def __init__(self) -> None:
        self.count = 0
        self._series: dict[str, int] = {}
        self._instances: dict[str, int] = {}

    def next(self, series_uid: str) -> tuple[str, str, str]:
        """The name of one more instance of the series."""
        self.count += 1
        series = self._series.setdefault(series_uid, len(self._series) + 1)
        self._instances[series_uid] = self._instances.get(series_uid, 0) + 1
        return _FOLDER, f"S{series:07}", f"I{self._instances[series_uid]:07}"


def _header(path: Path) -> Dataset:
    """What the directory tells of the instance."""
    try:
        with path.open("rb") as stored:
            file = inflated(stored, _MOST_INFLATED_BYTES)
            header = dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, defer_size=_DEFERRED_BYTES)
            uids = [header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID, header.SOPClassUID]
            if file is not stored:
                header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
            uids.append(header.file_meta.TransferSyntaxUID)
    except (OSError, MemoryError):
        raise
    except Exception:  # pydicom raises errors of any kind on files that are none
        raise InvalidDicom("a file of the study is no complete DICOM object") from None
    if not all(uids):
        raise InvalidDicom("a file of the study lacks its identifiers")
    return header


async def _entry(archive: zipfile.ZipFile, sink: _Sink, name: str, path: Path) -> AsyncIterator[bytes]:
    """The zip's entry for the file, chunk after chunk."""
    source = await asyncio.to_thread(path.open, "rb")
    try:
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        info = _info(name, archive.compression)
        entry = archive.open(info, "w", force_zip64=size >= _ZIP64_FROM_BYTES)
        try:
            while await asyncio.to_thread(lambda: entry.write(source.read(_CHUNK_BYTES))):
                yield sink.taken()
        finally:
            await asyncio.to_thread(entry.close)
        yield sink.taken()
    finally:
        source.close()


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    """An entry that says nothing of when or by whom it was made."""
    info = zipfile.ZipInfo(name)
    info.compress_type = compression
    info.external_attr = _READABLE
    return info

"""Files of a form, however their bytes are divided on their way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph.engine.form import read_form
from graph.engine.spool_files import SpoolFiles
from graph.engine.uploads import UploadLimits

_BOUNDARY = b"the-boundary-of-this-form"
_ALMOST = b"\r\n--" + _BOUNDARY + b"x"  # the parser hands on what looks like a boundary in pieces
_CONTENTS = [_ALMOST * 60_000, b"", bytes(4096) + _ALMOST, _ALMOST + bytes(1_500_000) + _ALMOST, b"last"]


@pytest.mark.parametrize("chunk_bytes", [1_000, 250_001, 10_000_000])
@pytest.mark.parametrize("contents", [_CONTENTS, _CONTENTS[1:3]], ids=["on the disk", "in memory"])
async def test_files_are_read_as_they_were_sent(tmp_path: Path, contents: list[bytes], chunk_bytes: int) -> None:
    limits = UploadLimits(
        max_json_bytes=1000,
        max_file_bytes=10_000_000,
        max_files=9,
        max_request_bytes=20_000_000,
        spool_files=SpoolFiles(tmp_path),
    )
    content_type = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
    async with read_form(content_type, _in_chunks(_body(contents), chunk_bytes), limits) as form:
        files = [form.files[str(number)] for number in range(len(contents))]
        assert [file.size for file in files] == list(map(len, contents))
        assert [file.file.read() for file in files] == contents
        for file, content in zip(files, contents, strict=True):
            file.file.seek(len(content) // 2)
            assert file.file.read(5) == content[len(content) // 2 :][:5]


def _body(contents: list[bytes]) -> bytes:
    parts = [(b"operations", b"{}"), (b"map", b"{}")]
    parts += [(str(number).encode(), content) for number, content in enumerate(contents)]
    head = b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n'
    return b"".join(head % (_BOUNDARY, name) + content + b"\r\n" for name, content in parts) + b"--%b--" % _BOUNDARY


async def _in_chunks(body: bytes, chunk_bytes: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), chunk_bytes):
        yield body[start : start + chunk_bytes]

"""The thumbnails of a series, as a page asks for them: by six connections, from the API and from Orthanc."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from pydicom.uid import generate_uid

from tests.benchmarks.both import Both, beside_orthanc, renewed
from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS, Times, milliseconds_of, rate
from tests.benchmarks.pictures import body
from tests.samples import Exam, Sample

_IMAGES = 200
_AT_ONCE = 6
_SIZE = 256
_SIDE = 512
_INLINE = """query ($p: String!, $study: UID!, $series: UID!) { instances(patientID: $p, studyInstanceUID: $study,
  seriesInstanceUID: $series) { thumbnail(size: 256) { dataURI } } }"""


def thumbnails(folder: Path) -> Iterator[Figure]:
    """Cold: pictures that nobody has asked for; warm: the same again."""
    pixels = body(_SIDE, _SIDE).tobytes()
    with beside_orthanc(folder) as both:
        cold: tuple[list[float], ...] = ([], [])
        warm: tuple[list[float], ...] = ([], [])
        inline: list[float] = []
        for number in range(ROUNDS + 1):
            series = _series(pixels)
            both.fill(series)
            theirs = _milliseconds(both.pacs.http_port, [_rendered(image) for image in series])
            first, again = (_milliseconds(both.server.port, [_thumbnail(image) for image in series]) for _ in range(2))
            if number:
                cold[0].append(first)
                warm[0].append(again)
                cold[1].append(theirs)
                warm[1].append(theirs)
                inline.append(milliseconds_of(_inline, both, series[0]))
            both.forget(series[0].study)
        yield rate(
            f"thumbnails of a series of {_IMAGES}, the first time", _IMAGES, "/s", Times(cold), "≥ 1 × Orthanc", 1.0
        )
        figure = rate("the same again", _IMAGES, "/s", Times(warm), "", 0.0)
        yield Figure(figure.name, figure.value, "/s", figure.ratio, "≥ 500/s", figure.yardstick, figure.value >= 500)
        figure = rate("the same again, in one GraphQL answer", _IMAGES, "/s", Times((inline, warm[1])), "", 0.0)
        yield Figure(figure.name, figure.value, "/s", figure.ratio, yardstick=figure.yardstick)


def _inline(both: Both, one: Sample) -> None:
    found = both.ask(_INLINE, p=one.patient_id, study=one.study, series=one.series)["instances"]
    assert sum(image["thumbnail"]["dataURI"].startswith("data:image/jpeg") for image in found) == _IMAGES


def _rendered(image: Sample) -> str:
    place = f"studies/{image.study}/series/{image.series}/instances/{image.instance}"
    return f"/dicom-web/{place}/rendered?viewport={_SIZE},{_SIZE}"


def _thumbnail(image: Sample) -> str:
    place = f"studies/{image.study}/series/{image.series}/instance/{image.instance}"
    return f"/exams/{place}?fileType=image/jpeg&size={_SIZE}"


def _milliseconds(port: int, paths: list[str]) -> float:
    return milliseconds_of(lambda: asyncio.run(_get_all(port, paths)))


async def _get_all(port: int, paths: list[str]) -> None:
    """With so little HTTP that the client is not what is measured."""
    waiting = iter(paths)

    async def get() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in waiting:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: image/jpeg\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            assert (await reader.readexactly(length)).startswith(b"\xff\xd8")
        writer.close()

    await asyncio.gather(*(get() for _ in range(_AT_ONCE)))


def _series(pixels: bytes) -> list[Sample]:
    first = Exam().image(Rows=_SIDE, Columns=_SIDE, PixelData=pixels)
    return [first, *(renewed(first, generate_uid) for _ in range(_IMAGES - 1))]

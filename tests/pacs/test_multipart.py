"""multipart/related is read whole or not at all, wherever the stream is cut."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs import multipart
from pacs.multipart import BrokenMultipart, MediaType

BOUNDARY = "b0undary"


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def parts_of(body: bytes, size: int = 7, boundary: str = BOUNDARY) -> list[tuple[dict[str, str], bytes]]:
    return [
        (part.headers, b"".join([piece async for piece in part.body]))
        async for part in multipart.read_parts(boundary, cut(body, size))
    ]


def written(*bodies: bytes) -> bytes:
    heads = (multipart.opening(BOUNDARY, "application/dicom", first=n == 0) for n in range(len(bodies)))
    return b"".join(head + body for head, body in zip(heads, bodies, strict=True)) + multipart.closing(BOUNDARY)


looks_like_a_boundary = st.sampled_from([b"\r\n--b0undarx", b"--b0undary", b"\r\n", b"\r\n--", b"-", b"\r"])
pieces = st.lists(st.binary(max_size=20) | looks_like_a_boundary, max_size=6)
contents = pieces.map(b"".join).filter(lambda content: b"\r\n--b0undary" not in content)


@given(st.lists(contents, min_size=1, max_size=4), st.integers(1, 60))
async def test_what_is_written_is_read_however_it_is_cut(bodies: list[bytes], size: int) -> None:
    assert [body for _, body in await parts_of(written(*bodies), size)] == bodies


@given(contents, st.data())
async def test_a_body_that_ends_early_is_broken(content: bytes, data: st.DataObject) -> None:
    whole = written(content)
    end = data.draw(st.integers(0, len(whole) - len("--\r\n") - 1))
    with pytest.raises(BrokenMultipart):
        await parts_of(whole[:end])


@pytest.mark.parametrize(
    ("body", "headers", "content"),
    [
        (b"preamble\r\n--b0undary\r\nA: 1\r\n\r\nx\r\n--b0undary--epilogue", {"a": "1"}, b"x"),
        (b"--b0undary \t\r\nA-Type:  a/b \r\nB: c:d\r\n\r\nx\r\n--b0undary--", {"a-type": "a/b", "b": "c:d"}, b"x"),
        (b"--b0undary\r\n\r\nx\r\n--b0undary--", {}, b"x"),
        (b"--b0undary\r\n\r\n\r\n--b0undary--", {}, b""),
    ],
)  # fmt: skip
async def test_the_freedoms_of_the_format_are_understood(body: bytes, headers: dict[str, str], content: bytes) -> None:
    assert await parts_of(body) == [(headers, content)]


async def test_a_part_that_is_not_read_is_skipped() -> None:
    bodies = [part.headers async for part in multipart.read_parts(BOUNDARY, cut(written(b"a" * 500, b"b"), 9))]
    assert len(bodies) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * 1_000_000, id="preamble"),
        pytest.param(b"--b0undary\r\nA: " + b"x" * 1_000_000, id="headers"),
        pytest.param(b"--b0undary" + b" " * 1_000_000, id="boundary line"),
    ],
)
async def test_nothing_but_a_part_may_be_long(body: bytes) -> None:
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for piece in cut(body, 1000):
            read += len(piece)
            yield piece

    with pytest.raises(BrokenMultipart, match="too long"):
        async for _ in multipart.read_parts(BOUNDARY, counted()):
            pass
    assert read < 100_000


async def test_another_boundary_than_promised_is_broken() -> None:
    with pytest.raises(BrokenMultipart):
        await parts_of(written(b"x"), boundary="other")


async def test_a_boundary_with_something_behind_it_is_broken_and_not_the_end() -> None:
    """RFC 2046 §5.1.1: the boundary in a line of its own, or it must not be there. What comes after would be lost."""
    body = b"--b0undary\r\n\r\nfirst\r\n--b0undary2\r\n\r\nsecond\r\n--b0undary--\r\n"
    with pytest.raises(BrokenMultipart, match="behind a boundary"):
        await parts_of(body)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/dicom",
        "multipart/related",
        'multipart/related; boundary=""',
        f"multipart/related; boundary={'x' * 71}",
        "multipart/related; boundary*",
        "multipart/related; boundary=\N{EURO SIGN}",
        "multipart/related; boundary*=utf-8''%E2%82%AC",
    ],
)
def test_a_content_type_without_a_boundary_is_broken(content_type: str) -> None:
    with pytest.raises(BrokenMultipart):
        multipart.boundary_of(content_type)


def test_media_types_are_read_with_their_parameters() -> None:
    media_type = MediaType.parse('Multipart/Related; type="application/dicom"; BOUNDARY="a b;c"')
    assert media_type == MediaType("multipart/related", {"type": "application/dicom", "boundary": "a b;c"})


@pytest.mark.parametrize(
    "parameter", ["boundary*=utf-8''b0undary", "boundary*0=b0un; boundary*1=dary", "boundary*=no-charset''b0undary"]
)
def test_extended_parameters_are_texts_as_others_are(parameter: str) -> None:
    assert multipart.boundary_of(f"multipart/related; {parameter}") == BOUNDARY


@pytest.mark.parametrize(
    "parameter", ["a*=idna''%ff%ff", "a*=x\0y'en'z", f"a*{'9' * 5000}=x", f"a*0=x; a*{'9' * 5000}=x"]
)
def test_a_parameter_that_cannot_be_decoded_leaves_none(parameter: str) -> None:
    assert MediaType.parse(f"Text/Plain; {parameter}; b=c") == MediaType("text/plain", {})


@given(st.text(max_size=60) | st.from_regex(r"multipart/related; ?[a-z*0-9]{1,6}=[a-z0-9'%\"=?*;-]{0,20}"))
def test_no_header_breaks_the_reading_of_media_types(header: str) -> None:
    assert all(isinstance(text, str) for text in MediaType.parse(header).parameters.values())

"""Storing and retrieving at PACSs that lie: only what the body proves is believed."""

import gzip
import re
from io import BytesIO

import pytest

from pacs import multipart, part10
from pacs.adapter import Pacs
from pacs.attributes import JSONDataset, tag
from pacs.caching.states import SeriesRef
from pacs.errors import Conflict, NotFound, PacsFault, PacsUnauthorized, PacsUnavailable, Refused
from pacs.searches import StudySearch
from pacs.stow import NewObject
from tests.pacs.scripted import Exchange, Script, ScriptedPacs, pacs_that
from tests.samples import Exam, Sample

RELATED = 'multipart/related; type="application/dicom"; boundary=b'


def dataset(**values: str | int | list[JSONDataset]) -> JSONDataset:
    return {
        tag(keyword): {"vr": "UN", "Value": value if isinstance(value, list) else [value]}
        for keyword, value in values.items()
    }


def storing(*answers: tuple[int, object]) -> Script:
    """Finds nothing, and answers an upload, once it has read it, with status and body."""
    left = list(answers)

    async def script(exchange: Exchange) -> None:
        if exchange.line.startswith("GET"):
            await exchange.json([])
            return
        await exchange.body()
        status, body = left.pop(0)
        if isinstance(body, bytes):
            await exchange.answer(status, body, "text/html")
        else:
            await exchange.json(body, status)

    return script


async def store(pacs: Pacs, image: Sample) -> None:
    (error,) = await pacs.store([new(image)])
    if error:
        raise error


def new(image: Sample) -> NewObject:
    file, size = BytesIO(image.content), len(image.content)
    return NewObject(file, size, part10.check(file, size))


IMAGE = Exam().image()
STORED = dataset(ReferencedSOPSequence=[dataset(ReferencedSOPInstanceUID=IMAGE.instance)])
ANOTHER = dataset(ReferencedSOPSequence=[dataset(ReferencedSOPInstanceUID="1.2.3")])
EMPTY = {"00081199": {"vr": "SQ"}, "00081198": {"vr": "SQ"}}


def failed(reason: int) -> JSONDataset:
    return dataset(FailedSOPSequence=[dataset(ReferencedSOPInstanceUID=IMAGE.instance, FailureReason=reason)])


@pytest.mark.parametrize("body", [STORED, [STORED]], ids=["object", "array of one"])
@pytest.mark.parametrize("status", [200, 202, 400, 409])
async def test_what_stands_in_the_referenced_sequence_is_stored_whatever_the_status(status: int, body: object) -> None:
    async with pacs_that(storing((status, body))) as (pacs, _):
        await store(pacs, IMAGE)


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        pytest.param(200, EMPTY, Refused, "does not say why", id="200 and stored nothing"),
        pytest.param(200, ANOTHER, Refused, "did not store", id="another one stored"),
        pytest.param(200, [], Refused, "does not say why", id="empty array"),
        pytest.param(200, b"<html>", PacsFault, "not JSON", id="HTML"),
        pytest.param(200, b'{"00081199": {', PacsFault, "not JSON", id="truncated"),
        pytest.param(400, EMPTY, Refused, "status 400", id="400"),
        pytest.param(413, b"<html>", Refused, "status 413", id="413 from a proxy"),
        pytest.param(409, failed(0x0111), Conflict, "stored already", id="duplicate"),
        pytest.param(409, failed(0xA701), Refused, r"out of resources \(Failure Reason A701\)", id="full"),
        pytest.param(507, failed(0xA700), Refused, r"out of resources \(Failure Reason A700\)", id="disk full"),
        pytest.param(507, b"the disk is full", Refused, "no space left on its disk", id="disk full, in words"),
        pytest.param(400, failed(0xC000), Refused, r"could not understand the object", id="not understood"),
        pytest.param(409, failed(0x0122), Refused, r"does not take this SOP Class", id="SOP class"),
        pytest.param(500, b"boom", PacsFault, "status 500", id="500"),
        pytest.param(401, b"", PacsUnauthorized, "credentials", id="401"),
    ],
)  # fmt: skip
async def test_anything_else_is_not_stored(status: int, body: object, error: type[Exception], message: str) -> None:
    async with pacs_that(storing((status, body))) as (pacs, _):
        with pytest.raises(error, match=message):
            await store(pacs, IMAGE)


async def test_wrong_credentials_show_before_the_file_is_sent() -> None:
    async with pacs_that(lambda exchange: exchange.answer(401), username="u", password="wrong") as (pacs, server):
        with pytest.raises(PacsUnauthorized):
            await store(pacs, IMAGE)
        assert [exchange.line.split()[0] for exchange in server.exchanges] == ["GET"]


def holding(stored: bytes, image: Sample = IMAGE) -> Script:
    """A PACS that has `stored` under the image's UIDs, and says `stored` to anything."""
    place = dataset(
        StudyInstanceUID=image.study, SeriesInstanceUID=image.series, SOPInstanceUID=image.instance, PatientID="P"
    )

    async def script(exchange: Exchange) -> None:
        if exchange.line.startswith("POST"):
            await exchange.body()
            await exchange.json(STORED)
        elif "?" in exchange.target:
            await exchange.json([place])
        else:
            body = multipart.opening("b", "application/dicom") + stored + multipart.closing("b")
            await exchange.answer(200, body, RELATED)

    return script


def posts(server: ScriptedPacs) -> int:
    return sum(exchange.line.startswith("POST") for exchange in server.exchanges)


async def test_the_same_object_again_is_success_and_is_not_sent() -> None:
    rewritten = IMAGE.content.replace(IMAGE.content[:128], b"\1" * 128, 1)  # PACSs write their own preamble
    async with pacs_that(holding(rewritten)) as (pacs, server):
        await store(pacs, IMAGE)
        assert posts(server) == 0


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(IMAGE.content[:-1] + b"\xff", id="last byte"),
        pytest.param(IMAGE.content[:-2], id="shorter"),
        pytest.param(IMAGE.content + b"\0\0", id="longer"),
        pytest.param(IMAGE.content.replace(b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.5", 1), id="transfer syntax"),
    ],
)
async def test_other_content_under_the_same_uid_is_a_conflict_though_the_pacs_would_not_tell(stored: bytes) -> None:
    async with pacs_that(holding(stored)) as (pacs, server):
        with pytest.raises(Conflict):
            await store(pacs, IMAGE)
        assert posts(server) == 0


async def test_a_pacs_that_tells_conflicts_is_not_asked_before() -> None:
    async with pacs_that(storing((200, STORED)), tells_conflicts=True) as (pacs, server):
        await store(pacs, IMAGE)
        assert len(server.exchanges) == 1


def new_images(count: int) -> list[Sample]:
    exam = Exam()
    return [exam.image(InstanceNumber=number) for number in range(count)]


def several(*, refused: Sample, whole_answer: tuple[int, JSONDataset] | None) -> Script:
    """Stores all but one; `whole_answer` is what it says to several at once, if it cannot tell them apart."""

    async def script(exchange: Exchange) -> None:
        if exchange.line.startswith("GET"):
            await exchange.json([])
            return
        body = await exchange.body()
        if whole_answer and body.count(b"DICM") > 1:
            await exchange.json(whole_answer[1], whole_answer[0])
            return
        uids = [image.instance for image in IMAGES if image.instance.encode() in body]
        stored = [dataset(ReferencedSOPInstanceUID=uid) for uid in uids if uid != refused.instance]
        failures = [dataset(ReferencedSOPInstanceUID=refused.instance, FailureReason=0x0122)]
        failures = failures if refused.instance in uids else []
        await exchange.json(dataset(ReferencedSOPSequence=stored, FailedSOPSequence=failures), 202)

    return script


IMAGES = new_images(3)


@pytest.mark.parametrize(
    ("whole_answer", "requests"),
    [
        pytest.param(None, 1, id="told apart"),
        pytest.param((400, EMPTY), 4, id="refused as a whole"),
        pytest.param((500, EMPTY), 4, id="broken by one of them"),
    ],
)
async def test_of_several_the_bad_one_fails_alone(whole_answer: tuple[int, JSONDataset] | None, requests: int) -> None:
    script = several(refused=IMAGES[1], whole_answer=whole_answer)
    async with pacs_that(script, tells_conflicts=True) as (pacs, server):
        first, second, third = await pacs.store([new(image) for image in IMAGES])
        assert (first, third) == (None, None)
        assert isinstance(second, Refused)
        assert second.reason == 0x0122
        assert posts(server) == requests


async def test_many_small_objects_are_asked_for_and_stored_in_few_requests() -> None:
    async with pacs_that(several(refused=OTHER, whole_answer=None)) as (pacs, server):
        assert await pacs.store([new(image) for image in IMAGES]) == [None] * 3
        asked = [exchange.line.split()[0] for exchange in server.exchanges]
        assert asked == ["GET", "GET", "POST"]  # what is there, is it an Orthanc, and then the objects


async def test_one_object_twice_in_one_call_is_never_sent_in_one_request() -> None:
    async with pacs_that(storing((200, STORED), (409, failed(0x0111))), tells_conflicts=True) as (pacs, server):
        outcomes = await pacs.store([new(IMAGE), new(IMAGE)])
        assert [type(outcome) for outcome in outcomes] == [type(None), Conflict]
        assert posts(server) == 2


async def test_wrong_credentials_are_told_of_each_object_after_one_request() -> None:
    async with pacs_that(storing((401, b"")), tells_conflicts=True) as (pacs, server):
        outcomes = await pacs.store([new(image) for image in IMAGES])
        assert [type(outcome) for outcome in outcomes] == [PacsUnauthorized] * 3
        assert len(server.exchanges) == 1


def retrieving(body: bytes, content_type: str = RELATED, *, length: bool = True) -> Script:
    async def script(exchange: Exchange) -> None:
        if length:
            await exchange.answer(200, body, content_type)
            return
        await exchange.endless(content_type)
        await exchange.raw(body)
        raise ConnectionError

    return script


async def retrieved(pacs: Pacs) -> bytes:
    async with pacs.retrieve(IMAGE.study, IMAGE.series, IMAGE.instance) as file:
        return b"".join([chunk async for chunk in file.chunks])


PART = multipart.opening("b", "application/dicom")
HALF = IMAGE.content[:1000]
TWO = PART + IMAGE.content + b"\r\n" + PART + IMAGE.content
OTHER = Exam().image()


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(PART + IMAGE.content + multipart.closing("b"), RELATED), (IMAGE.content, "application/dicom")],
    ids=["multipart", "single part"],
)
async def test_an_object_is_retrieved_as_it_is_stored(body: bytes, content_type: str, length: bool) -> None:
    async with pacs_that(retrieving(body, content_type, length=length)) as (pacs, server):
        assert await retrieved(pacs) == IMAGE.content
        assert "transfer-syntax=*" in server.exchanges[-1].headers["accept"]


async def test_an_object_that_comes_compressed_unasked_has_no_length_that_is_known() -> None:
    packed = gzip.compress(IMAGE.content)

    async def script(exchange: Exchange) -> None:
        head = f"Content-Length: {len(packed)}\r\nContent-Encoding: gzip\r\nContent-Type: application/dicom"
        await exchange.raw(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode(), packed)

    async with pacs_that(script) as (pacs, _), pacs.retrieve(IMAGE.study, IMAGE.series, IMAGE.instance) as file:
        assert file.length is None
        assert b"".join([chunk async for chunk in file.chunks]) == IMAGE.content


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param(PART + HALF, RELATED, PacsFault, id="breaks off"),
        pytest.param(PART + HALF + b"\r\n--b", RELATED, PacsFault, id="closing boundary cut"),
        pytest.param(PART + HALF + b"\r\n--other--", RELATED, PacsFault, id="wrong closing boundary"),
        pytest.param(PART.replace(b"--b", b"--c") + HALF, RELATED, PacsFault, id="wrong boundary"),
        pytest.param(b"--b--\r\n", RELATED, NotFound, id="no part"),
        pytest.param(b"", RELATED, PacsFault, id="empty"),
        pytest.param(TWO + multipart.closing("b"), RELATED, PacsFault, id="two parts"),
        pytest.param(b"<html>", "text/html", PacsFault, id="HTML"),
        pytest.param(b"{}", "application/dicom+json", PacsFault, id="JSON"),
        pytest.param(b"<html>", "application/dicom", PacsFault, id="HTML that says it is DICOM"),
        pytest.param(b"", "application/dicom", PacsFault, id="nothing at all"),
        pytest.param(IMAGE.content[:200], "application/dicom", PacsFault, id="ends in its head"),
        pytest.param(OTHER.content, "application/dicom", PacsFault, id="another object"),
        pytest.param(PART + OTHER.content + multipart.closing("b"), RELATED, PacsFault, id="another object in a part"),
    ],
)
async def test_half_an_object_or_another_is_an_error(body: bytes, content_type: str, error: type[Exception]) -> None:
    async with pacs_that(retrieving(body, content_type, length=False)) as (pacs, _):
        with pytest.raises(error):
            await retrieved(pacs)


async def test_another_object_is_noticed_before_a_byte_of_it_is_given_out_however_small_the_pieces() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.endless("application/dicom")
        for start in range(0, 1000, 40):
            await exchange.raw(OTHER.content[start : start + 40])
        raise ConnectionError

    async with pacs_that(script) as (pacs, _), pacs.retrieve(IMAGE.study, IMAGE.series, IMAGE.instance) as file:
        with pytest.raises(PacsFault, match="another object"):
            await anext(file.chunks)


async def test_a_file_that_never_had_its_uid_in_its_head_is_let_pass() -> None:
    uid = OTHER.instance.encode()
    element = b"\x02\x00\x03\x00UI" + len(uid + b"\0" * (len(uid) % 2)).to_bytes(2, "little")
    assert element + uid in OTHER.content
    bare = OTHER.content.replace(element + uid + b"\0" * (len(uid) % 2), b"", 1)
    async with pacs_that(retrieving(bare, "application/dicom")) as (pacs, _):
        assert await retrieved(pacs) == bare


async def test_an_object_shorter_than_its_length_is_an_error() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 99\r\n\r\nhalf")
        raise ConnectionError

    async with pacs_that(script) as (pacs, _):
        with pytest.raises(PacsUnavailable):
            await retrieved(pacs)


def study(uid: str, patient: str | None, **values: str) -> JSONDataset:
    return dataset(StudyInstanceUID=uid, **({"PatientID": patient} if patient else {}), **values)


async def test_another_patients_study_in_the_answer_is_left_out() -> None:
    rows = [study("1.1", "P1"), study("1.2", "p1"), study("1.3", "P2"), study("1.4", None), study("1.5", "P1\\P2")]
    async with pacs_that(lambda exchange: exchange.json(rows)) as (pacs, _):
        found = await pacs.studies(StudySearch("P1"))
        series = await pacs.series("P1", ["1.1", "1.2"])
    assert [one.text("StudyInstanceUID") for one in found] == ["1.1"]
    assert [one.text("StudyInstanceUID") for one in series] == ["1.1"]


async def test_studies_come_newest_first_and_undated_ones_last() -> None:
    rows = [
        study("1.1", "P", StudyDate="20200101", StudyTime="0930"),
        study("1.2", "P"),
        study("1.3", "P", StudyDate="20200101", StudyTime="1015"),
        study("1.4", "P", StudyDate="nonsense"),
        study("1.5", "P", StudyDate="20210101"),
    ]
    async with pacs_that(lambda exchange: exchange.json(rows)) as (pacs, _):
        found = await pacs.studies(StudySearch("P"))
    assert [one.text("StudyInstanceUID") for one in found] == ["1.5", "1.3", "1.1", "1.4", "1.2"]


async def test_many_series_are_asked_for_in_few_requests_that_every_proxy_takes() -> None:
    uids = [f"1.2.{n}.{'9' * 50}" for n in range(1_000)]
    patient = "患" * 21
    attributes = {"StudyInstanceUID", "SOPClassUID", "NumberOfFrames", "BitsAllocated", "Rows", "Columns"}
    async with pacs_that(lambda exchange: exchange.json([]), decodes_queries=True) as (pacs, server):
        await pacs.instances(patient, [SeriesRef("1.1", uid) for uid in uids], attributes)
    asked = [uid for target in server.targets for uid in re.findall(r"1\.2\.\d+\.9+", target)]
    assert sorted(asked) == sorted(uids)
    assert len(server.targets) <= 20
    assert max(len(f"GET {target} HTTP/1.1\r\n") for target in server.targets) <= 4_096


async def test_the_pacs_is_asked_for_no_attribute_that_it_gives_anyway() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.json([])

    async with pacs_that(script) as (pacs, server):
        await pacs.studies(StudySearch("P1"), {"StudyInstanceUID", "StudyDate", "ModalitiesInStudy"})
        await pacs.instances_by_uid("P1", ["1.2"], {"SOPInstanceUID", "InstanceNumber", "Rows"})

    studies, instances = (target.partition("?")[2].split("&") for target in server.targets[-2:])
    assert [part for part in studies if part.startswith("includefield")] == ["includefield=ModalitiesInStudy"]
    assert [part for part in instances if part.startswith("includefield")] == [
        "includefield=PatientID",
        "includefield=Rows",
    ]

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.errors import BadDicom
from pacs.part10 import check
from tests.pacs.archive.samples import instance, wheel_file, wheel_files
from tests.pacs.archive.serving import Archive, parts_of, stow_body

AS_STORED = {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*', "prefer": "as-stored"}
FAILED, STORED, UNIDENTIFIED = "00081198", "00081199", "0008119A"


def reasons(answer: httpx.Response, sequence: str = FAILED) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json()[sequence]["Value"]]


def stored_uids(answer: httpx.Response) -> list[str]:
    return [item["00081155"]["Value"][0] for item in answer.json().get(STORED, {}).get("Value", [])]


def leftovers(data_dir: Path) -> list[Path]:
    return [*(data_dir / "incoming").iterdir(), *(data_dir / "intents").iterdir()]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


async def test_what_is_stored_comes_back_byte_for_byte(archive: Archive, data_dir: Path) -> None:
    files = [instance(SOPInstanceUID=f"1.2.3.1.1.{number}", InstanceNumber=number) for number in range(1, 4)]
    answer = await archive.store(*files)
    assert answer.status_code == 200
    assert stored_uids(answer) == ["1.2.3.1.1.1", "1.2.3.1.1.2", "1.2.3.1.1.3"]
    for path in ("/studies/1.2.3.1", "/studies/1.2.3.1/series/1.2.3.1.1"):
        assert await parts_of(await archive.get(path)) == files
    one = await archive.get("/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.2")
    assert await parts_of(one) == files[1:2]
    assert leftovers(data_dir) == []


async def test_every_file_of_the_wheel_is_stored_or_refused_for_a_reason(archive: Archive) -> None:
    stored: dict[str, bytes] = {}
    for path in wheel_files():
        data = path.read_bytes()
        answer = await archive.store(data)
        if answer.status_code == 200:
            with path.open("rb") as file:
                stored.setdefault(check(file, len(data)).sop_instance_uid, data)
            continue
        assert answer.headers["warning"].startswith("299 dicom-graph: "), path
        if path.match("palettes/*.dcm"):
            assert (answer.status_code, reasons(answer)) == (409, [0x0122])
        elif answer.status_code == 400:
            assert reasons(answer, UNIDENTIFIED) == [0xC000]
            with pytest.raises(BadDicom), path.open("rb") as file:
                check(file, len(data))
        else:
            assert answer.status_code == 409
            assert reasons(answer)[0] in {0x0111, 0xA900}, path
    assert len(stored) > 100
    found = await archive.search("/instances", includefield="SOPInstanceUID")
    assert {one["00080018"]["Value"][0] for one in found} == set(stored)
    for one in found:
        answer = await archive.client.get(one["00081190"]["Value"][0], headers=AS_STORED)
        assert await parts_of(answer) == [stored[one["00080018"]["Value"][0]]]


async def test_the_same_object_again_is_success_even_under_another_file_header(archive: Archive) -> None:
    data = instance()
    assert (await archive.store(data)).status_code == 200
    again = await archive.store(b"II*\0" + data[4:])
    assert again.status_code == 200
    assert stored_uids(again) == ["1.2.3.1.1.1"]
    assert await parts_of(await archive.get("/studies/1.2.3.1")) == [data]


async def test_other_content_under_the_same_uid_is_refused_and_the_first_is_kept(archive: Archive) -> None:
    first = instance()
    await archive.store(first)
    answer = await archive.store(instance(InstanceNumber=2))
    assert (answer.status_code, reasons(answer)) == (409, [0x0111])
    assert await parts_of(await archive.get("/studies/1.2.3.1")) == [first]


async def test_a_study_takes_no_instance_of_another_patient(archive: Archive) -> None:
    await archive.store(instance())
    answer = await archive.store(instance(SOPInstanceUID="1.2.3.1.1.9", PatientID="P2"))
    assert (answer.status_code, reasons(answer)) == (409, [0xA900])
    assert await archive.search("/studies", PatientID="P2") == []


async def test_a_patient_whose_id_has_a_backslash_is_not_the_one_of_its_first_half(archive: Archive) -> None:
    await archive.store(instance(PatientID="P1\\2"))
    answer = await archive.store(instance(SOPInstanceUID="1.2.3.1.1.9", PatientID="P1"))
    assert (answer.status_code, reasons(answer)) == (409, [0xA900])
    assert await archive.search("/studies", PatientID="P1") == []
    for asked in ("P1\\2", "P1*2"):
        assert len(await archive.search("/studies", PatientID=asked)) == 1


async def test_good_and_bad_together_are_told_apart(archive: Archive) -> None:
    answer = await archive.store(instance(), b"no DICOM at all")
    assert answer.status_code == 202
    assert stored_uids(answer) == ["1.2.3.1.1.1"]
    assert reasons(answer, UNIDENTIFIED) == [0xC000]


async def test_an_instance_of_another_study_than_the_urls_is_refused(archive: Archive) -> None:
    answer = await archive.store(instance(), study="1.2.9")
    assert (answer.status_code, reasons(answer)) == (409, [0x0110])
    assert (await archive.store(instance(), study="1.2.3.1")).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/dicom", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=x', 400),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_refused(
    archive: Archive, content_type: str, status: int
) -> None:
    answer = await archive.client.post(
        f"{archive.url}/studies", content=instance(), headers={"content-type": content_type}
    )
    assert answer.status_code == status
    assert answer.text


async def test_a_body_without_its_closing_boundary_leaves_nothing(archive: Archive, data_dir: Path) -> None:
    content_type, body = stow_body(instance(), instance(SOPInstanceUID="1.2.3.1.1.2"))
    for cut in (len(body) - 4, len(body) - 40, len(body) // 2, 10):
        answer = await archive.client.post(
            f"{archive.url}/studies", content=body[:cut], headers={"content-type": content_type}
        )
        assert answer.status_code == 400
    assert await archive.search("/studies") == []
    assert leftovers(data_dir) == []


async def test_a_client_that_hangs_up_leaves_nothing(archive: Archive, data_dir: Path) -> None:
    content_type, body = stow_body(instance(), wheel_file("CT_small.dcm").read_bytes())
    port = int(archive.url.split(":")[2].split("/")[0])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body[:20_000])
    await writer.drain()
    await until(lambda: leftovers(data_dir) != [])
    writer.close()
    await until(lambda: leftovers(data_dir) == [])
    assert await archive.search("/studies") == []


async def test_parts_arrive_whole_however_the_body_is_cut(archive: Archive) -> None:
    files = [instance(SOPInstanceUID=f"1.2.3.1.1.{number}", ImageComments="\r\n--" * number) for number in range(1, 9)]
    content_type, body = stow_body(*files)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = await archive.client.post(
        f"{archive.url}/studies", content=pieces(), headers={"content-type": content_type}
    )
    assert answer.status_code == 200
    found = await archive.search("/instances")
    assert len(found) == len(files)


async def test_storing_at_once_from_many_clients_stores_each_object_once(archive: Archive) -> None:
    files = [
        instance(SOPInstanceUID=f"1.2.3.1.1.{number % 5 + 1}", InstanceNumber=number // 15) for number in range(30)
    ]
    answers = await asyncio.gather(*(archive.store(file) for file in files))
    assert {answer.status_code for answer in answers} == {200, 409}
    found = await archive.search("/studies")
    assert found[0]["00201208"]["Value"] == [5]
    for one in await archive.search("/instances"):
        number = one["00200013"]["Value"][0]
        (part,) = await parts_of(await archive.client.get(one["00081190"]["Value"][0]))
        assert part == instance(SOPInstanceUID=one["00080018"]["Value"][0], InstanceNumber=number)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 60))
def test_a_multipart_body_is_read_alike_in_chunks_of_any_size(bodies: list[bytes], size: int) -> None:
    from pacs import multipart

    content_type, body = stow_body(*bodies)

    async def read() -> list[bytes]:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), size):
                yield body[start : start + size]

        parts = multipart.read_parts(multipart.boundary_of(content_type), chunks())
        return [b"".join([piece async for piece in part.body]) async for part in parts]

    assert asyncio.run(read()) == bodies

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from pacs.archive import commitment_check
from pacs.archive.commitment import Commitments
from pacs.archive.commitment_reports import Patience
from pacs.archive.commitment_routes import routes
from pacs.archive.commitment_store import Commitment, Reference
from pacs.archive.files import FileStore
from pacs.archive.index import Index
from pacs.uids import new_uid
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import Archive

CT = "1.2.840.10008.5.1.4.1.1.2"
HURRIED = Patience(first_seconds=0.01, longest_seconds=0.05, give_up_seconds=0.2)


def reference(number: int, sop_class: str = CT) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [sop_class]},
        "00081155": {"vr": "UI", "Value": [f"1.2.3.1.1.{number}"]},
    }


def request(*items: dict[str, Any]) -> dict[str, Any]:
    return {"00081199": {"vr": "SQ", "Value": list(items)}}


def of_study(*numbers: int, study: str = "1.2.3.1") -> dict[str, Any]:
    instances = [{"00081155": {"vr": "UI", "Value": [f"1.2.3.1.1.{number}"]}} for number in numbers]
    by_class = {"00081150": {"vr": "UI", "Value": [CT]}, "0008114A": {"vr": "SQ", "Value": instances}}
    series = {"0020000E": {"vr": "UI", "Value": ["1.2.3.1.1"]}, "00081112": {"vr": "SQ", "Value": [by_class]}}
    return {
        "00081110": {
            "vr": "SQ",
            "Value": [{"0020000D": {"vr": "UI", "Value": [study]}, "00081115": {"vr": "SQ", "Value": [series]}}],
        }
    }


async def asked(archive: Archive, body: Any, uid: str | None = None) -> httpx.Response:
    url = f"{archive.url}/commitment-requests/{uid or new_uid()}"
    return await archive.client.post(url, json=body, headers={"content-type": "application/dicom+json"})


async def test_an_object_that_is_here_is_committed_and_one_that_is_not_is_named(archive: Archive) -> None:
    await archive.store(instance(SOPInstanceUID="1.2.3.1.1.1"))

    answer = await asked(archive, request(reference(1), reference(2), reference(1, "1.2.840.10008.5.1.4.1.1.4")))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.json() == {
        "00081199": {"vr": "SQ", "Value": [reference(1)]},
        "00081198": {
            "vr": "SQ",
            "Value": [
                reference(2) | {"00081197": {"vr": "US", "Value": [0x0112]}},
                reference(1, "1.2.840.10008.5.1.4.1.1.4") | {"00081197": {"vr": "US", "Value": [0x0119]}},
            ],
        },
    }


async def test_studies_are_answered_as_they_were_asked(archive: Archive) -> None:
    await archive.store(instance(SOPInstanceUID="1.2.3.1.1.1"))

    answer = (await asked(archive, of_study(1, 2))).json()

    assert answer["00081110"] == of_study(1)["00081110"]
    (study,) = answer["0008119B"]["Value"]
    (failed,) = study["00081115"]["Value"][0]["00081112"]["Value"][0]["0008114A"]["Value"]
    assert failed["00081155"]["Value"] == ["1.2.3.1.1.2"]
    assert failed["00081197"]["Value"] == [0x0112]
    assert "0008119B" in (await asked(archive, of_study(1, study="1.2.9"))).json()


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?")])
async def test_an_object_whose_file_is_not_as_it_was_stored_is_not_committed(
    archive: Archive, data_dir: Path, harm: Any
) -> None:
    await archive.store(instance(SOPInstanceUID="1.2.3.1.1.1"))
    (file,) = (data_dir / "files").rglob("*.dcm")
    harm(file)

    answer = await asked(archive, request(reference(1)))

    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0110]


async def test_a_result_can_be_had_again(archive: Archive) -> None:
    uid = new_uid()
    first = await asked(archive, request(reference(1)), uid)

    again = await archive.get(f"/commitment-requests/{uid}")

    assert (again.status_code, again.json()) == (200, first.json())


async def test_a_transaction_uid_is_used_once(archive: Archive) -> None:
    uid = new_uid()
    await asked(archive, request(reference(1)), uid)

    assert (await asked(archive, request(reference(2)), uid)).status_code == 409


@pytest.mark.parametrize(
    ("uid", "body", "status"),
    [
        ("nonsense", request(reference(1)), 400),
        ("2.25.1", {}, 400),
        ("2.25.1", request(), 400),
        ("2.25.1", request({"00081150": {"vr": "UI", "Value": [CT]}}), 400),
        ("2.25.1", request(reference(1) | {"00081155": {"vr": "UI", "Value": ["x"]}}), 400),
        ("2.25.1", "not a dataset", 400),
    ],
)
async def test_a_bad_request_is_refused(archive: Archive, uid: str, body: Any, status: int) -> None:
    answer = await asked(archive, body, uid)

    assert answer.status_code == status
    assert answer.text


async def test_an_unknown_transaction_is_not_found(archive: Archive) -> None:
    assert (await archive.get("/commitment-requests/2.25.1")).status_code == 404
    assert (await archive.get("/commitment-requests/2.25.1", accept="text/html")).status_code == 406


async def test_the_resource_tells_its_methods(archive: Archive) -> None:
    answer = await archive.client.options(f"{archive.url}/commitment-requests/2.25.1")

    assert answer.status_code == 200
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    made = Index(tmp_path)
    made.open()
    yield made
    made.close()


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FileStore]:
    made = FileStore(tmp_path)
    made.open(lambda _: True)
    yield made
    made.close()


async def until(commitments: Commitments, uid: str, is_so: Any) -> Commitment:
    async with asyncio.timeout(5):
        while True:
            found = await commitments.find(uid)
            if found is not None and is_so(found):
                return found
            await asyncio.sleep(0.01)


async def test_a_long_look_is_answered_later(
    tmp_path: Path, index: Index, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files)
    monkeypatch.setattr("pacs.archive.commitment_routes._WAIT_SECONDS", 0.05)
    monkeypatch.setattr(commitments, "_look_at_all", lambda: asyncio.sleep(0))  # nobody looks for now
    await commitments.open()
    transport = httpx.ASGITransport(Starlette(routes=routes(commitments)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://archive/dicom-web/commitment-requests"
    ) as client:
        headers = {"content-type": "application/dicom+json"}
        answer = await client.post("/2.25.1", json=request(reference(1)), headers=headers)
        check = await client.get("/2.25.1")
        monkeypatch.undo()
        await commitments.close()
        await commitments.open()
        await until(commitments, "2.25.1", lambda found: found.reasons is not None)
        later = await client.get("/2.25.1")
    await commitments.close()

    assert [(one.status_code, one.content) for one in (answer, check)] == [(202, b""), (202, b"")]
    assert answer.headers["retry-after"] == "5"
    assert later.status_code == 200


class Peer:
    """Takes reports, after it has refused some."""

    def __init__(self, refused: int = 0) -> None:
        self.refused = refused
        self.heard: list[str] = []

    def __call__(self, commitment: Commitment) -> bool:
        if self.refused:
            self.refused -= 1
            return False
        self.heard.append(commitment.transaction_uid)
        return True


async def test_a_report_is_tried_until_it_arrives(tmp_path: Path, index: Index, files: FileStore) -> None:
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files, Patience(first_seconds=0.01))
    await commitments.open()
    peer = Peer(refused=3)
    await commitments.report_by(peer)

    await commitments.ask("2.25.1", [Reference(CT, "1.2.3")], "SCANNER")

    found = await until(commitments, "2.25.1", lambda one: one.attempts == 4)
    await commitments.close()
    assert peer.heard == ["2.25.1"]
    assert (found.report_at, found.is_given_up) == (None, False)


async def test_a_report_is_given_up_in_the_end_and_begun_again_when_asked_again(
    tmp_path: Path, index: Index, files: FileStore
) -> None:
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files, HURRIED)
    await commitments.open()
    peer = Peer(refused=1_000)
    await commitments.report_by(peer)
    await commitments.ask("2.25.1", [Reference(CT, "1.2.3")], "SCANNER")

    given_up = await until(commitments, "2.25.1", lambda one: one.is_given_up)
    assert given_up.report_at is None
    assert given_up.attempts >= 4

    peer.refused = 0
    await commitments.ask("2.25.1", [Reference(CT, "1.2.3")], "SCANNER")
    await until(commitments, "2.25.1", lambda one: not one.is_given_up and one.attempts == 1)
    await commitments.close()
    assert peer.heard == ["2.25.1"]


async def test_a_report_outlives_a_restart(tmp_path: Path, index: Index, files: FileStore) -> None:
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files, Patience(first_seconds=0.01))
    await commitments.open()
    await commitments.ask("2.25.1", [Reference(CT, "1.2.3")], "SCANNER")
    await commitments.close()

    peer = Peer()
    await commitments.open()
    await commitments.report_by(peer)

    await until(commitments, "2.25.1", lambda one: one.attempts == 1)
    await commitments.close()
    assert peer.heard == ["2.25.1"]


async def test_a_peer_that_is_gone_holds_up_no_other(tmp_path: Path, index: Index, files: FileStore) -> None:
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files, Patience(first_seconds=0.01))
    await commitments.open()
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()

    def report(commitment: Commitment) -> bool:
        if commitment.requester == "GONE":
            asyncio.run_coroutine_threadsafe(gone.wait(), loop).result()
        return True

    await commitments.report_by(report)
    await commitments.ask("2.25.1", [Reference(CT, "1.2.3")], "GONE")
    await commitments.ask("2.25.2", [Reference(CT, "1.2.3")], "SCANNER")

    await until(commitments, "2.25.2", lambda one: one.attempts == 1)
    still = await commitments.find("2.25.1")
    gone.set()
    await until(commitments, "2.25.1", lambda one: one.attempts == 1)
    await commitments.close()
    assert still is not None
    assert still.report_at is not None


def test_pauses_grow_up_to_a_bound() -> None:
    patience = Patience(first_seconds=2, longest_seconds=600)

    assert [patience.pause_seconds(attempts) for attempts in (0, 1, 2, 9, 1_000)] == [2, 4, 8, 600, 600]


def test_reasons_are_those_of_the_standard() -> None:
    assert [f"{reason:04X}" for reason in commitment_check.FailureReason] == ["0000", "0110", "0112", "0119"]

"""The service's own folder on a disk that fills up: the store, what is on its way, and the embedded PACS."""

import os
from pathlib import Path

import httpx

from tests.graph.api import Api
from tests.graph.routes.test_callback import SEED
from tests.real.disks import filled, memory_disk
from tests.real.server import ServerProcess
from tests.samples import Exam

FULL_DISK = "The service cannot write to its own disk (No space left on device); try again when it can."


def test_a_server_whose_store_is_full_is_not_ready_until_there_is_room(tmp_path: Path) -> None:
    with memory_disk(tmp_path, 64) as disk:
        server = ServerProcess(tmp_path, DATA_DIR=str(disk / "data"), LOG_LEVEL="error")
        server.start()
        try:
            with filled(disk):
                assert _announced(server) == 503
                ready = _asked(server)
                assert (ready.status_code, ready.json()["store"]) == (503, "cannot be written to")
            assert _asked(server).status_code == 200
            assert _announced(server) == 204
        finally:
            server.stop()


async def test_a_full_disk_refuses_uploads_in_words_and_shows_what_is_there(tmp_path: Path) -> None:
    stored, small, large = (
        Exam().image(Rows=1000, Columns=size, PixelData=bytes(2000 * size)) for size in (400, 16, 2500)
    )
    with memory_disk(tmp_path, 64) as disk:
        server = ServerProcess(tmp_path, DATA_DIR=str(disk / "data"))
        server.start()
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                api = Api(client)
                assert await api.upload_outcome(stored.content) == "stored"
                with filled(disk):
                    refused = [(await api.upload_answer(one.content)) for one in (small, large)]
                    media = await client.get(f"/exams/studies/{stored.study}", params={"fileType": "application/zip"})
                    shown = await api.retrieve_outcome(stored)
                    nothing = [await api.retrieve_outcome(one) for one in (small, large)]
                left = _nameless(server.pid, disk)
                again = [await api.upload_outcome(one.content) for one in (small, large)]
                whole = [await api.retrieve_outcome(one) for one in (small, large)]
        finally:
            server.stop()

    by_the_pacs = refused[0]["data"]["uploadExams"]["results"][0]["error"]
    assert by_the_pacs["code"] == "REFUSED_BY_PACS"
    assert by_the_pacs["message"] == "the PACS did not store the object: it has no space left on its disk"
    error = refused[1]["errors"][0]
    assert error["message"] == FULL_DISK
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("STORE_UNAVAILABLE", 503)
    assert (media.status_code, media.json()["code"], media.json()["detail"]) == (503, "STORE_UNAVAILABLE", FULL_DISK)
    assert (shown, nothing, left) == ("whole", ["NOT_FOUND", "NOT_FOUND"], [])
    assert (again, whole) == (["stored", "stored"], ["whole", "whole"])
    assert "unexpected" not in server.log.read_text()


def _announced(server: ServerProcess) -> int:
    return httpx.post(f"{server.url}/new-exam-callback", json=SEED, timeout=30).status_code


def _asked(server: ServerProcess) -> httpx.Response:
    return httpx.get(f"{server.url}/health/ready", timeout=30)


def _nameless(pid: int, disk: Path) -> list[str]:
    """Files without a name that a process has open there."""
    targets = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return [target for target in targets if target.startswith(str(disk)) and target.endswith("(deleted)")]

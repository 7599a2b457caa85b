"""The embedded store on a disk that fills up."""

from pathlib import Path

import httpx

from tests.graph.routes.test_callback import SEED
from tests.real.disks import filled, memory_disk
from tests.real.server import ServerProcess


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


def _announced(server: ServerProcess) -> int:
    return httpx.post(f"{server.url}/new-exam-callback", json=SEED, timeout=30).status_code


def _asked(server: ServerProcess) -> httpx.Response:
    return httpx.get(f"{server.url}/health/ready", timeout=30)

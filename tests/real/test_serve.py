"""`dicom-graph serve` from outside: its start, its stop, its manners."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import websockets

from tests.graph.api import Api, subscribe
from tests.pace import slowness
from tests.real.server import ServerProcess, free_port, is_alive, rss_bytes
from tests.samples import Exam, file

GIB = 1024**3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path, STABLE_AGE_SECONDS="0.3")
    process.start()
    yield process
    process.stop()


def test_the_start_says_where_everything_is_and_is_quick(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)

    seconds = server.start()

    said = server.log.read_text()
    server.stop()
    sys.stdout.write(f"ready after {seconds:.2f} s\n")
    assert f"{server.url}/graphql" in said
    assert f"{server.url}/new-exam-callback" in said
    assert str(server.data_dir) in said
    assert seconds < 2.5 * slowness()  # 0.9 s, measured


def test_both_processes_run_on_the_loop_and_the_parser_that_are_made_for_it(server: ServerProcess) -> None:
    assert server.archive_pid is not None
    for pid in (server.pid, server.archive_pid):
        loaded = Path(f"/proc/{pid}/maps").read_text()
        assert "/uvloop/loop." in loaded
        assert "/httptools/parser/" in loaded


def test_a_stop_is_clean(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    server = ServerProcess(tmp_path, TMPDIR=str(temporary))
    server.start()
    archive = server.archive_pid

    assert server.stop() in (0, -15)

    assert archive is not None
    assert not is_alive(archive)
    assert list(temporary.iterdir()) == []


async def test_a_stop_closes_subscriptions_and_lets_a_download_finish(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    await asyncio.to_thread(server.start)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        big = big_file(tmp_path / "big.dcm", 64 * 1024 * 1024)
        (result,) = await Api(client).upload(big)
        async with client.stream("GET", result["instance"]["fileURL"]) as response:
            chunks = response.aiter_raw()
            received = len(await anext(chunks))
            async with subscribe(server.url, "subscription { newExam { cursor } }") as subscriber:
                await asyncio.sleep(0.2)
                stopping = asyncio.create_task(asyncio.to_thread(server.stop))
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await subscriber.next()
            async for chunk in chunks:
                received += len(chunk)
    assert await stopping in (0, -15)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (1001, 1012)
    assert received == big.stat().st_size


@pytest.mark.parametrize("seconds", [0, 0.2, 0.7])
def test_a_start_that_is_stopped_leaves_nothing_running_or_lying_about(tmp_path: Path, seconds: float) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    server = ServerProcess(tmp_path, TMPDIR=str(temporary))
    server.launch()
    while (archive := server.archive_pid) is None:
        time.sleep(0.01)
    time.sleep(seconds * slowness())  # it imports, then it waits for the archive, then it serves

    assert server.stop() == 0
    assert not is_alive(archive)
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"HOST": "0.0.0.0"}, "HOST"),
        ({"PORT": "abc"}, "PORT"),
        ({"PACS_URL": "orthanc"}, "PACS_URL"),
        ({"DICOM_UID_ROOT": "1.02"}, "DICOM_UID_ROOT"),
        ({"DATABASE_URL": "postgres://x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "mongodb://"}, "DATABASE_URL: the MongoDB URL cannot be used"),
        ({"DATABASE_URL": "mongodb://u:hidden@127.0.0.1:9", "DATABASE_WAIT_SECONDS": "0"}, "answers at 127.0.0.1:9"),
        ({"DATABASE_URL": "sqlite:///proc/none/state.sqlite"}, "the data directory /proc/none cannot be written"),
        ({"DATA_DIR": "/proc/none"}, "DATA_DIR=/proc/none"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, environment: dict[str, str], hint: str
) -> None:
    (said,) = failed_start({"DATA_DIR": str(tmp_path), "PORT": "0"} | environment).splitlines()

    assert said.startswith("dicom-graph: ")
    assert hint in said
    assert "hidden" not in said


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_store_stops_the_start_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.sqlite").write_bytes(content)

    (said,) = failed_start({"DATA_DIR": str(tmp_path), "PORT": "0"}).splitlines()

    assert "state.sqlite cannot be opened" in said


def test_the_start_waits_only_so_long_for_a_database(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "DATABASE_URL": f"mongodb://127.0.0.1:{port}",
        "DATABASE_WAIT_SECONDS": "1",
        "DATA_DIR": str(tmp_path),
    }

    started = time.monotonic()
    *waiting, said = failed_start({"PORT": "0", "LOG_LEVEL": "warning"} | environment).splitlines()

    assert f"answers at 127.0.0.1:{port}" in said
    assert 1 <= time.monotonic() - started < 20
    assert all("waiting for the database" in line for line in waiting)


def test_two_servers_do_not_share_a_port_or_a_folder(server: ServerProcess) -> None:
    same_port = failed_start({"DATA_DIR": str(server.data_dir) + "2", "PORT": str(server.port)})
    same_folder = failed_start({"DATA_DIR": str(server.data_dir), "PORT": str(free_port())})

    assert "PORT" in same_port
    assert "another" in same_folder
    assert "Traceback" not in same_port + same_folder


def failed_start(environment: dict[str, str]) -> str:
    """Standard error of a server that must not start."""
    done = subprocess.run(
        [sys.executable, "-m", "graph.cli", "serve"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_a_killed_archive_is_started_again(server: ServerProcess) -> None:
    before = server.archive_pid

    server.kill(server=False, archive=True)
    server.wait_until_ready()

    assert server.archive_pid not in (None, before)


async def test_two_gibibytes_are_uploaded_in_little_memory(server: ServerProcess, tmp_path: Path) -> None:
    processes = [server.pid, server.archive_pid or 0]
    big = big_file(tmp_path / "big.dcm", 2 * GIB - 4096)
    before = [rss_bytes(pid) for pid in processes]
    peaks = list(before)

    async def watch() -> None:
        while True:
            peaks[:] = [max(peak, rss_bytes(pid)) for peak, pid in zip(peaks, processes, strict=True)]
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    result = await asyncio.to_thread(curl_upload, server.url, big)
    seconds = time.perf_counter() - started
    watching.cancel()

    added = [(peak - was) / 1024**2 for peak, was in zip(peaks, before, strict=True)]
    sys.stdout.write(f"2 GiB in {seconds:.1f} s; server +{added[0]:.0f} MiB, archive +{added[1]:.0f} MiB\n")
    assert result["error"] is None
    assert added[0] <= 100
    assert added[1] <= 100


async def test_a_client_that_hangs_up_leaves_nothing(server: ServerProcess, tmp_path: Path) -> None:
    big = big_file(tmp_path / "big.dcm", 256 * 1024 * 1024)

    async def half() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"mutation($f:[Upload!]!)'
        yield b'{uploadExams(files:$f){results{filename}}}","variables":{"f":[null]}}\r\n--x\r\n'
        yield b'Content-Disposition: form-data; name="map"\r\n\r\n{"0":["variables.f.0"]}\r\n--x\r\n'
        yield b'Content-Disposition: form-data; name="0"; filename="a"\r\n\r\n'
        with big.open("rb") as content:
            for _ in range(64):
                yield content.read(1024 * 1024)
        raise ConnectionResetError

    headers = {"Content-Type": "multipart/form-data; boundary=x", "GraphQL-Require-Preflight": "1"}
    async with httpx.AsyncClient(base_url=server.url) as client:
        with pytest.raises(ConnectionResetError):
            await client.post("/graphql", content=half(), headers=headers)
        async with asyncio.timeout(10):
            while spooled(server.pid):
                await asyncio.sleep(0.05)
        assert (await client.get("/health/ready")).status_code == 200
    assert not list((server.data_dir / "archive" / "incoming").iterdir())


def spooled(pid: int) -> list[str]:
    """Deleted files that a process still holds open: where uploads wait."""
    links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    return [link for link in links if link.endswith("(deleted)")]


async def test_the_log_holds_no_patient_data(server: ServerProcess) -> None:
    exam = Exam("SECRET-ID-77", attributes={"PatientName": "Unspeakable^Name", "AccessionNumber": "ACC-4711"})
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        api = Api(client)
        image = exam.image()
        (result,) = await api.upload(image.content)
        await client.get(result["instance"]["fileURL"])
        await api.ask("query Find($p: String!) { studies(patientID: $p) { totalCount } }", p=exam.patient_id)
        await api.answer('{ studies(patientID: "SECRET-ID-77", first: -1) { totalCount } }')
        await client.post("/new-exam-callback", json={"StudyInstanceUID": exam.study, "PatientID": exam.patient_id})
        await client.post("/new-exam-callback?token=hidden-token", content=b'{"PatientID": "SECRET-ID-77"}')
        async with subscribe(server.url, 'subscription { newExam(patientID: "SECRET-ID-77") { cursor } }'):
            await asyncio.sleep(0.5)

    said = server.log.read_text()
    assert '"operation": "Find"' in said
    for secret in ("SECRET-ID", "Unspeakable", "ACC-4711", "hidden-token", exam.study, image.instance):
        assert secret not in said
    lines = [orjson.loads(line) for line in said.splitlines() if line.startswith("{") and '"request"' in line]
    assert all(re.fullmatch(r"[0-9a-f]{32}", line["request_id"]) for line in lines)


def big_file(path: Path, pixels: int) -> Path:
    """A valid file with many frames of zeros, sparse on disk."""
    import pydicom
    from pydicom.uid import generate_uid

    dataset = pydicom.dcmread(file("CT_small.dcm"))
    frame = 4096 * 4096 * 2
    rows, frames = (4096, pixels // frame) if pixels >= frame else (pixels // 8192, 1)
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, 4096, frames
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    del dataset.PixelData, dataset.DataSetTrailingPadding
    length = rows * 4096 * 2 * frames
    dataset.save_as(path, enforce_file_format=True)
    with path.open("ab") as out:
        out.write(b"\xe0\x7f\x10\x00OW\x00\x00" + length.to_bytes(4, "little"))
        out.truncate(out.tell() + length)
    return path


def curl_upload(url: str, path: Path) -> Any:
    """An upload by curl, which streams; the result of the one file."""
    outcome = "results { instance { fileURL } error { code message } }"
    query = f"mutation ($f: [Upload!]!) {{ uploadExams(files: $f) {{ {outcome} }} }}"
    with tempfile.TemporaryDirectory() as folder:
        operations = Path(folder) / "operations"
        operations.write_bytes(orjson.dumps({"query": query, "variables": {"f": [None]}}))
        command = ["curl", "-sS", f"{url}/graphql", "-H", "GraphQL-Require-Preflight: 1"]
        command += ["-F", f"operations=<{operations}", "-F", 'map={"0":["variables.f.0"]}', "-F", f"0=@{path}"]
        answer = orjson.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return answer["data"]["uploadExams"]["results"][0]

"""`dicom-graph serve` as a person runs it: a process of its own, which can be killed and started again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

_START_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_ONE_CLIENT = {"RATE_PER_SECOND": "0", "CALLBACK_RATE_PER_SECOND": "0", "MAX_SOCKETS": "2000"}
"""The tests and benchmarks are one client, who comes as often as many."""


class ServerProcess:
    """A server on a port and a data folder that stay the same through its restarts."""

    module = "graph.cli"

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.data_dir = folder / "data"
        self._environment = (
            os.environ | _ONE_CLIENT | {"PORT": str(self.port), "DATA_DIR": str(self.data_dir)} | environment
        )
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def archive_pid(self) -> int | None:
        """The embedded PACS, while it runs."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        return next((child for child in children if b"archive" in _command(child)), None)

    def start(self) -> float:
        """Starts the server; returns the seconds until it was ready."""
        started = time.perf_counter()
        self.launch()
        self.wait_until_ready()
        return time.perf_counter() - started

    def launch(self) -> None:
        """Starts the server and does not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "serve", *self._arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Returns when the server, its store and the PACS answer."""
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(timeout=2) as client:  # one for all: to make it takes the start's processor time
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(f"{self.url}/health/ready").status_code == 200:
                        return
                time.sleep(0.02)
        raise AssertionError(f"the server was not ready within {_START_SECONDS} s:\n{self.log.read_text()[-2000:]}")

    def kill(self, *, server: bool, archive: bool) -> None:
        """kill -9, without a word of warning."""
        pids = ([self.archive_pid] if archive else []) + ([self.pid] if server else [])
        for pid in pids:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                _wait_until_dead(pid)
        if server:
            assert self._process is not None
            self._process.wait()

    def stop(self) -> int:
        """Asks the server to stop; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)


def _wait_until_dead(pid: int) -> None:
    """A process that its parent has not asked about yet is a zombie, which is dead enough."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.001)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def rss_bytes(pid: int) -> int:
    """The memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()

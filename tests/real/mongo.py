"""A server that speaks MongoDB's protocol: the one that `MONGODB_URL` names, or one that a script starts.

`MONGO_SCRIPT` is a program with the commands `start NAME`, `gateway NAME`, `kill NAME engine|gateway`, `restart NAME`
and `stop NAME`; `start` and `gateway` print a URL.
"""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.real.required import need

_ROOT = Path(__file__).parents[2]
_SCRIPT = Path(os.environ.get("MONGO_SCRIPT", _ROOT.parent / "shared" / "mongodb" / "mongo"))
_HOW = "needs a MongoDB-compatible server: set MONGODB_URL, or MONGO_SCRIPT to a program that starts one"
_SECONDS = 600
_REAPED_SECONDS = 30.0


@dataclass
class MongoServer:
    """A server of the tests' own, which they may kill."""

    name: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")
    url: str = ""

    def start(self) -> None:
        """Starts it, empty; skips the test where there is no script."""
        need(os.access(_SCRIPT, os.X_OK), _HOW)
        self.url = self._run("start")

    def gateway(self) -> str:
        """The URL of one more gateway to the same data."""
        return self._run("gateway")

    def kill(self, part: str) -> None:
        """Kill -9 of the `engine` or of the `gateway`s."""
        self._run("kill", part)

    def signal_gateway(self, url: str, number: signal.Signals) -> None:
        """A signal to the one gateway at `url`: kill -9, or a stop in its tracks."""
        pid = listening_pid(urlsplit(url).port or 0)
        os.kill(pid, number)
        if number == signal.SIGKILL:
            _wait_until_reaped(pid)

    def restart(self) -> None:
        """Brings back what is dead, with the same data and URLs."""
        self._run("restart")

    def stop(self) -> None:
        """Stops it and removes its data."""
        self._run("stop")

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [_SCRIPT, command, self.name, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=_SECONDS
        )
        return (done.stdout.split() or [""])[-1]


@contextmanager
def some_server() -> Iterator[str]:
    """The URL of the server that `MONGODB_URL` names, or of one that runs meanwhile."""
    if url := os.environ.get("MONGODB_URL"):
        yield url
        return
    server = MongoServer()
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def listening_pid(port: int) -> int:
    """The process of this machine that listens on 127.0.0.1:`port`."""
    fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [one[9] for one in fields if one[1] == f"0100007F:{port:04X}" and one[3] == "0A"]
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link) == f"socket:[{inode}]":
                return int(link.parts[2])
    raise AssertionError(f"nobody listens on port {port}")


def _wait_until_reaped(pid: int) -> None:
    """`restart` may take a zombie, which nobody has asked about yet, for alive."""
    deadline = time.monotonic() + _REAPED_SECONDS
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} was killed and is still there"
        time.sleep(0.02)


def fresh_database(url: str) -> str:
    """`url` with a database that no other test uses."""
    parts = urlsplit(url)
    return parts._replace(path=f"/dicom_graph_test_{uuid.uuid4().hex[:12]}").geturl()

"""The embedded PACS as a child process: started, started again when it dies, stopped with the server.

The child listens on a Unix socket in a private temporary folder and ends by itself when this process dies, since its
standard input, a pipe held here, then closes.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 10.0
_SETTLED_SECONDS = 30.0  # a child that lived so long did not die of its start


class ArchiveFailed(RuntimeError):
    """The embedded PACS did not start; its own words are on standard error."""


class ArchiveProcess:
    """One child, listening on `socket`. `arguments` are those of `dicom-graph archive`, without the socket."""

    def __init__(self, arguments: list[str], environment: dict[str, str], socket_path: Path) -> None:
        self._command = [sys.executable, "-m", "graph.cli", "archive", "--watch-parent", "--socket", str(socket_path)]
        self._command += arguments
        self._environment = environment
        self.socket = socket_path
        self._stopping = threading.Event()
        self._turn = threading.Lock()  # between stopping the child and starting another
        self._child = self._spawn()
        self._watcher = threading.Thread(target=self._watch, name="archive-watcher", daemon=True)

    def wait_until_it_listens(self) -> None:
        """Returns when the child accepts connections, and watches it from then on.

        `ArchiveFailed` when it ends, or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(self.socket):
            if self._child.poll() is not None:
                raise ArchiveFailed("the embedded PACS did not start")
            if time.monotonic() > deadline:
                self.stop()
                raise ArchiveFailed(f"the embedded PACS did not listen within {_START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        self._watcher.start()

    def stop(self) -> None:
        """Asks the child to stop, and makes it stop when it does not."""
        with self._turn:
            self._stopping.set()
        self._child.terminate()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        finally:
            _close_pipe(self._child)

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl+C in a terminal is for the server, which stops the child when it is done with it.
        return subprocess.Popen(  # noqa: S603  # the command is this program's own
            self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True
        )

    def _watch(self) -> None:
        pause = _POLL_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._child.wait()
            if self._stopping.is_set():
                return
            log.error("embedded PACS ended, starting it again", exit_code=code)
            _close_pipe(self._child)
            pause = _POLL_SECONDS if time.monotonic() - started > _SETTLED_SECONDS else pause * 2
            self._stopping.wait(min(pause, _LONGEST_PAUSE_SECONDS))
            with self._turn:
                if not self._stopping.is_set():
                    self._child = self._spawn()


@contextlib.contextmanager
def running_archive(arguments: list[str], environment: dict[str, str]) -> Iterator[Path]:
    """The embedded PACS, from when it listens until the end of the block; gives its socket."""
    with starting_archive(arguments, environment) as process:
        process.wait_until_it_listens()
        yield process.socket


@contextlib.contextmanager
def starting_archive(arguments: list[str], environment: dict[str, str]) -> Iterator[ArchiveProcess]:
    """The embedded PACS, from when it was told to start until the end of the block; wait until it listens."""
    folder = Path(tempfile.mkdtemp(prefix="dicom-graph-"))  # mode 0700
    process = None
    try:
        process = ArchiveProcess(arguments, environment, folder / "archive.sock")
        yield process
    finally:
        if process is not None:
            process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _close_pipe(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0

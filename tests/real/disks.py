"""Small file systems of their own, for what happens when one is full or fails; only root may mount them."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.required import need

_MIB = 1024 * 1024
_BLOCK_BYTES = 4096
HOW = "run as root on Linux: this mounts a small file system"


@contextmanager
def memory_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system in memory."""
    with _mounted(folder / "disk", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs") as disk:
        yield disk


class Ext4:
    """A file system in a file, which closes itself for writing when it finds an error."""

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self._image = folder / "image"
        self._folder = folder / "disk"
        with self._image.open("wb") as file:
            file.truncate(mebibytes * _MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True)

    @contextmanager
    def mounted(self, *options: str) -> Iterator[Path]:
        """The folder that it is mounted at."""
        wanted = ",".join(("loop", "errors=remount-ro", *options))
        with _mounted(self._folder, "-t", "ext4", "-o", wanted, str(self._image)) as disk:
            yield disk

    def fail(self) -> None:
        """An error: from now on nothing can be written, while all files stay open."""
        source = subprocess.run(
            ["findmnt", "-n", "-o", "SOURCE", self._folder], check=True, capture_output=True, text=True
        ).stdout.strip()
        Path("/sys/fs/ext4", Path(source).name, "trigger_fs_error").write_text("1")
        assert not _is_writable(self._folder)


@contextmanager
def filled(disk: Path, free_bytes: int = 0) -> Iterator[None]:
    """The disk with no more room than that, until the end of the block."""
    filler = disk / "filler"
    state = os.statvfs(disk)
    wanted = state.f_bavail * state.f_frsize - free_bytes
    with filler.open("wb", buffering=0) as file:
        try:
            while wanted > 0:
                wanted -= file.write(bytes(min(wanted, _BLOCK_BYTES)))
        except OSError:
            assert free_bytes == 0
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    need(os.geteuid() == 0, HOW)
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True, check=False)
    need(mounted.returncode == 0, f"{HOW} ({mounted.stderr.strip()})")
    try:
        yield folder
    finally:
        for _ in range(50):
            if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)


def _is_writable(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError:
        return False
    return True

"""Part 10 files on disk: `files/<two hex digits>/<folder>/<SOPInstanceUID>.dcm`.

The folder is the StudyInstanceUID, or the name of the resource of an object that belongs to no patient (see `npi`).

A file arrives in `incoming/`, is synced, and is renamed to its place, so that a name never stands for half a file. What
happens between the rename and the index's commit is written down in `intents/` first: at the next start, files that
the index does not know are removed, and what was only incoming with them.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_SYNC_THREADS = 4
_PLACE = re.compile(r"files/[0-9a-f]{2}/[\w.-]+/[\w.-]+\.dcm", re.ASCII)

Known = Callable[[str], bool]
"""Whether the index has the file of this relative path."""


class FileStore:
    """The files of an archive in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._intents = folder / "intents"
        self._syncers = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="archive-sync")

    def open(self, known: Known) -> None:
        """Makes the folders and clears up after a crash; `OSError` when the folder cannot be written."""
        for folder in (self.incoming, self._intents, self.folder / "files"):
            folder.mkdir(parents=True, exist_ok=True)
        for intent in self._intents.iterdir():
            self.settle(intent, known)
        for leftover in self.incoming.iterdir():
            leftover.unlink()

    def close(self) -> None:
        """Stops the syncing threads."""
        self._syncers.shutdown()

    def new_incoming(self) -> Path:
        """A path for a file that arrives."""
        return self.incoming / secrets.token_hex(16)

    def path(self, folder: str, sop_instance_uid: str) -> Path:
        """Where an instance lies."""
        return self.folder / relative_path(folder, sop_instance_uid)

    def intend(self, paths: Iterable[str]) -> Path:
        """Writes down which files are about to come or go, on disk before it returns; undone by `settle`."""
        intent = self._intents / secrets.token_hex(16)
        try:
            with intent.open("w", encoding="ascii") as file:
                file.writelines(f"{path}\n" for path in paths)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self._intents)
        except OSError:
            self.forget(intent)
            raise
        return intent

    def forget(self, intent: Path) -> None:
        """Takes back an intent. One that cannot be removed does no harm: the next start settles it."""
        with suppress(OSError):
            intent.unlink()

    def settle(self, intent: Path, known: Known) -> None:
        """Removes the files of an intent that the index does not know, then the intent.

        Of one that was not written to its end, nothing has happened: a line that names no file is passed over.
        """
        paths = intent.read_text(encoding="ascii", errors="replace").splitlines()
        self._remove(path for path in paths if _PLACE.fullmatch(path) and not known(path))
        intent.unlink(missing_ok=True)

    def place(self, moves: Sequence[tuple[Path, str]]) -> None:
        """Renames incoming files, synced before, to their relative paths; on disk when it returns."""
        folders: set[Path] = set()
        for source, relative in moves:
            target = self.folder / relative
            if target.parent not in folders:
                folders |= self._made(target.parent)
            source.rename(target)
        list(self._syncers.map(sync_folder, folders))

    def _remove(self, paths: Iterable[str]) -> None:
        """Removes files, and the folders that are empty then."""
        folders = set()
        for path in paths:
            target = self.folder / path
            target.unlink(missing_ok=True)
            folders.add(target.parent)
        for folder in folders:
            with suppress(OSError):  # not empty, or gone
                folder.rmdir()

    def _made(self, folder: Path) -> set[Path]:
        """Makes a study's folder; the folders whose entries changed."""
        if folder.is_dir():
            return {folder}
        folder.mkdir(parents=True, exist_ok=True)
        return {folder, folder.parent, folder.parent.parent}


def relative_path(folder: str, sop_instance_uid: str) -> str:
    """Where an instance lies, relative to the data folder; UIDs hold nothing but digits and dots."""
    shard = hashlib.sha256(folder.encode("ascii")).hexdigest()[:2]
    return f"files/{shard}/{folder}/{sop_instance_uid}.dcm"


def sync_folder(folder: Path) -> None:
    """Makes the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Filing received instances: into the index and to their places, both or neither."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from pacs.archive.entries import Entries
from pacs.archive.files import FileStore
from pacs.archive.index import Index
from pacs.archive.outcomes import Outcome
from pacs.archive.received import Received
from pacs.archive.stored_files import is_filed


class Filing:
    """Files batches of instances; all that is filed is on disk before it is answered.

    `changed` is called after each batch that brought something new.
    """

    def __init__(self, index: Index, files: FileStore, changed: Callable[[], None]) -> None:
        self._index = index
        self._files = files
        self._changed = changed

    async def file(self, batch: Sequence[Received]) -> list[Outcome]:
        """What became of each. `OSError` and `sqlite3.Error` leave nothing of the batch behind."""
        intents: list[Path] = []

        def run(connection: sqlite3.Connection) -> list[Outcome]:
            entries = Entries(connection)
            outcomes = [entries.enter(received) for received in batch]
            entries.count()
            moves = [
                (received.path, received.place)
                for received, outcome in zip(batch, outcomes, strict=True)
                if outcome is Outcome.STORED
            ]
            if moves:
                intents.append(self._files.intend(path for _, path in moves))
                self._files.place(moves)
            return outcomes

        def undo() -> None:
            for intent in intents:
                self._files.settle(intent, self.is_known)

        outcomes = await self._index.write(run, undo)
        for intent in intents:
            self._files.forget(intent)
        if intents:
            self._changed()
        return outcomes

    def is_known(self, path: str) -> bool:
        """Whether the index has the file of a relative path."""
        return self._index.read_now(lambda connection: is_filed(connection, path))

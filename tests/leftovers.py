"""What a failure may leave behind, and must not: files of the server that runs in this process."""

import os
from pathlib import Path

_OWN = ("state.sqlite", "server.lock", "viewer-session.key")


def leftovers(data_dir: Path) -> list[str]:
    """Files in the data folder that are no state, and nameless files that are still open."""
    named = [str(path) for path in data_dir.rglob("*") if not path.name.startswith(_OWN)]
    return named + [target for target in _open_files() if target.endswith("(deleted)") and str(data_dir) in target]


def _open_files() -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the one that listed the folder
            continue
    return found

"""JavaScript clients, installed with npm into a temporary folder and run with node."""

import asyncio
import atexit
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from subprocess import PIPE
from tempfile import mkdtemp
from typing import Any

from tests.real.required import need

_SCRIPTS = Path(__file__).parent


async def run(script: str, url: str) -> Any:
    """The JSON that the script prints when it has talked to the server at `url`."""
    folder = await asyncio.to_thread(_installed)
    process = await asyncio.create_subprocess_exec("node", script, url, cwd=folder, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


@cache
def _installed() -> Path:

    need(
        shutil.which("node") and shutil.which("npm"), "needs Node.js 20 or later with npm (apt-get install nodejs npm)"
    )
    folder = Path(mkdtemp(prefix="graphql-clients-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in ("package.json", *(path.name for path in _SCRIPTS.glob("*.mjs"))):
        shutil.copy(_SCRIPTS / file, folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    installed = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    need(installed.returncode == 0, "needs a package registry that npm reaches")
    return folder

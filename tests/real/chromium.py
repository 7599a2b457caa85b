"""Debian's Chromium, driven over the DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import websockets

from tests.real.required import need

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1400,900",
)
_PATIENCE_SECONDS = 20.0


class Page:
    """One page."""

    def __init__(self, socket: websockets.ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(100)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command and its result."""
        return await _call(self._socket, next(self._numbers), method, parameters, self._session)

    async def open(self, url: str) -> None:
        """Goes to a URL and waits until the page is complete."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Waits until an expression is true."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await self.run(f"!!({condition})"):
                await asyncio.sleep(0.05)

    async def choose_files(self, selector: str, *paths: Path) -> None:
        """Puts files into an input, as a person does."""
        document = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node["nodeId"])

    async def screenshot(self, path: Path) -> None:
        """What a person sees, as PNG."""
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    """A new browser with an empty profile in `folder`, and its one page."""
    program = shutil.which("chromium")
    need(program, "Chromium is missing: apt-get install chromium")
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        str(program), *_FLAGS, f"--user-data-dir={profile}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with websockets.connect(await _devtools_url(profile), max_size=None) as socket:
            target = await _call(socket, 1, "Target.createTarget", {"url": "about:blank"})
            attached = await _call(
                socket, 2, "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
            )
            yield Page(socket, attached["sessionId"])
    finally:
        process.kill()
        await process.wait()


async def _devtools_url(profile: Path) -> str:
    port_file = profile / "DevToolsActivePort"
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not port_file.is_file() or len(port_file.read_text().splitlines()) < 2:
            await asyncio.sleep(0.05)
    port, path = port_file.read_text().splitlines()[:2]
    return f"ws://127.0.0.1:{port}{path}"


async def _call(
    socket: websockets.ClientConnection,
    number: int,
    method: str,
    parameters: dict[str, Any],
    session: str | None = None,
) -> dict[str, Any]:
    message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
    await socket.send(orjson.dumps(message).decode())
    while True:
        answer = orjson.loads(await socket.recv())
        if answer.get("id") == number:
            assert "error" not in answer, answer["error"]
            result: dict[str, Any] = answer["result"]
            return result

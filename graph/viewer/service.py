"""What the viewer's routes hold from the server's start to its stop."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from graph.settings import Settings
from graph.viewer.pictures import ViewerPictures
from graph.viewer.sessions import SessionCookies
from pacs.adapter import Pacs


@dataclass(frozen=True)
class Viewer:
    """Sessions and pictures."""

    cookies: SessionCookies
    pictures: ViewerPictures

    @classmethod
    async def open(cls, settings: Settings, pacs: Pacs, stack: AsyncExitStack) -> "Viewer":
        """Ready for requests, until `stack` ends."""
        pictures = ViewerPictures(pacs)
        stack.callback(pictures.close)
        return cls(await asyncio.to_thread(SessionCookies.of, settings), pictures)

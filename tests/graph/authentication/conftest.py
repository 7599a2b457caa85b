"""The API with AUTH=jwt and a shared secret, and clients in every role."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from tests.graph.authentication.issuer import AUDIENCE, ISSUER, SECRET

CALLBACK_TOKEN = "what the PACS presents"


@pytest.fixture
def secured(settings: Settings) -> Settings:
    """Settings that let in who has a token."""
    changes = {
        "auth": "jwt",
        "jwt_issuer": ISSUER,
        "jwt_audience": (AUDIENCE,),
        "jwt_secret": SecretStr(SECRET),
        "jwt_leeway_seconds": 0,
        "callback_token": SecretStr(CALLBACK_TOKEN),
        "pacs_timeout_seconds": settings.pacs_timeout_seconds,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def secured_app(secured: Settings) -> AsyncIterator[Starlette]:
    """The application, started."""
    app = create_app(secured)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def stranger(secured_app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(secured_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=30) as client:
        yield client

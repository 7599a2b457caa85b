"""An OpenID Connect issuer, as small as one can be: keys, tokens, and a real server that publishes the keys."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.served import served

ISSUER = "https://issuer.example"
AUDIENCE = "dicom-graph"
SECRET = "a secret of 32 characters or more"


@cache
def rsa_key(kid: str) -> RSAKey:
    """A key pair for each ID, made once."""
    return RSAKey.generate_key(2048, {"kid": kid})


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; None takes a claim out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "role": "DIAGNOSTIC", "iat": now, "exp": now + 300}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: RSAKey | ECKey | OctKey, alg: str = "RS256", header: dict[str, Any] | None = None, **said: Any) -> str:
    """A token; `said` changes its claims."""
    whole = {"alg": alg, "kid": key.kid} | (header or {})
    said_of_itself = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(said_of_itself, claims(**said), key, algorithms=[alg])


def with_secret(alg: str = "HS256", secret: str = SECRET, **said: Any) -> str:
    """The same, signed by a shared secret."""
    return jwt.encode({"alg": alg}, claims(**said), OctKey.import_key(secret), algorithms=[alg])


def jwks(*kids: str) -> dict[str, Any]:
    """What the issuer publishes."""
    return {"keys": [rsa_key(kid).as_dict(private=False, use="sig") for kid in kids]}


class Publisher:
    """A server whose answer a test may change, and which counts how often it was asked."""

    def __init__(self) -> None:
        self.answer: Response = JSONResponse(jwks("a"))
        self.asked = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """The server, on a free port unless one is given."""
        app = Starlette(routes=[Route("/jwks", self._keys)])
        async with served(app, port=port, lifespan="off") as own_port:
            self.url = f"http://127.0.0.1:{own_port}/jwks"
            yield self.url

    async def _keys(self, _: Request) -> Response:
        self.asked += 1
        return self.answer

"""AUTH=jwt: signed tokens of an OpenID Connect issuer, or of whoever shares a secret (RFC 7519, RFC 8725)."""

import hashlib
import time
from collections.abc import Collection
from typing import Any

import structlog
from cachetools import LRUCache
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import JWSRegistry

from graph.access import Identity
from graph.authentication.authenticator import Unauthenticated
from graph.authentication.claims import ClaimNames
from graph.authentication.keys import Keys

log = structlog.get_logger(__name__)

_TOKENS_KEPT = 10_000
"""Verified tokens; about 5 MB."""
_LONGEST_PAYLOAD = 16 * 1024
_BAD = "The token is not valid."


class TokenAuthenticator:
    """Verifies tokens by `keys` and nothing but the given algorithms; what is verified is kept until it expires."""

    def __init__(
        self,
        keys: Keys,
        names: ClaimNames,
        *,
        issuer: str,
        audience: Collection[str],
        algorithms: Collection[str],
        leeway_seconds: int,
    ) -> None:
        self._keys = keys
        self._names = names
        self._algorithms = tuple(algorithms)
        self._registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
        self._registry.max_payload_length = _LONGEST_PAYLOAD
        self._leeway_seconds = leeway_seconds
        self._claims = jwt.JWTClaimsRegistry(
            leeway=leeway_seconds,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "values": list(audience)},
            exp={"essential": True},
        )
        self._verified: LRUCache[bytes, Identity] = LRUCache(_TOKENS_KEPT)
        keys.on_change = self._verified.clear

    async def authenticate(self, credentials: str | None) -> Identity:
        """See `Authenticator`."""
        if credentials is None:
            raise Unauthenticated("Send a token: Authorization: Bearer …")
        self._keys.keep_fresh()
        digest = hashlib.sha256(credentials.encode(errors="surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None and known.expires_at is not None:
            if known.expires_at > time.time():
                return known
            del self._verified[digest]
            raise _expired()
        who = await self._verify(credentials)
        self._verified[digest] = who
        return who

    async def _verify(self, token: str) -> Identity:
        header = self._header(token)
        kid = header.get("kid")
        keys = await self._keys.for_id(kid if isinstance(kid, str) else None)
        claims = self._signed(token, keys)
        try:
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise _expired() from None
        except (InvalidClaimError, MissingClaimError) as error:
            log.info("token refused", reason=error.error, claim=error.claim)
            raise Unauthenticated(_BAD) from None
        return self._names.identity(claims, claims["exp"] + self._leeway_seconds)

    def _header(self, token: str) -> dict[str, Any]:
        """The header, before anything is believed: its algorithm is one of ours, or nothing else is looked at."""
        try:
            header = dict(jws.extract_compact(token.encode(), registry=self._registry).headers())
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise Unauthenticated(_BAD) from None
        if header.get("alg") not in self._algorithms:  # whatever type it is of
            raise Unauthenticated(_BAD)
        return header

    def _signed(self, token: str, keys: Collection[Any]) -> dict[str, Any]:
        """The claims, if one of the keys signed them."""
        reason = "no such key"
        for key in keys:
            try:
                return jwt.decode(token, key, registry=self._registry).claims
            except BadSignatureError:
                reason = "bad signature"
            except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
                reason = type(error).__name__
        log.info("token refused", reason=reason)
        raise Unauthenticated(_BAD)


def _expired() -> Unauthenticated:
    return Unauthenticated("The token has expired.")

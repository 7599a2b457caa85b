"""Keys that tokens are verified with: a shared secret, or the public keys of a JWKS (RFC 7517)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

_MOST_TRIED = 10
"""Keys tried for a token that does not say which is its own."""
_ASYMMETRIC = ("RSA", "EC", "OKP")


class BadKeys(ValueError):
    """What should be a set of public keys is none."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by ID."""

    keys: tuple[Key, ...]

    def for_id(self, kid: str | None) -> tuple[Key, ...]:
        """The keys that may have signed a token with this `kid`."""
        fitting = [key for key in self.keys if kid is None or key.kid is None or key.kid == kid]
        return tuple(fitting[:_MOST_TRIED])

    @classmethod
    def of_jwks(cls, document: bytes) -> "KeyRing":
        """The public keys of a JWKS that sign; `BadKeys` when there are none.

        A symmetric key among them is left out: what everybody can read proves nothing.
        """
        try:
            entries = orjson.loads(document)["keys"]
            keys = [_public(entry) for entry in entries]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise BadKeys("is not a JWKS: an object with a list of keys") from None
        usable = tuple(key for key in keys if key is not None)
        if not usable:
            raise BadKeys("holds no public key for signatures")
        return cls(usable)


class Keys(Protocol):
    """Where the keys come from."""

    on_change: Callable[[], None]
    """Called when keys were replaced."""

    async def for_id(self, kid: str | None) -> tuple[Key, ...]:
        """The keys that may have signed a token with this `kid`; raises ContractError (503) while there are none."""
        ...

    def keep_fresh(self) -> None:
        """Begins to fetch again what was fetched long ago, and does not wait for it."""
        ...


class FixedKeys:
    """Keys that stay as they are until the server stops."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self.on_change: Callable[[], None] = lambda: None

    @classmethod
    def of_secret(cls, secret: str) -> "FixedKeys":
        """A secret that issuer and server share."""
        return cls(KeyRing((OctKey.import_key(secret.encode()),)))

    async def for_id(self, kid: str | None) -> tuple[Key, ...]:
        """See `Keys`."""
        return self._ring.for_id(kid)

    def keep_fresh(self) -> None:
        """See `Keys`."""


def _public(entry: Any) -> Key | None:
    """The key of a JWKS entry; None for one that is of another kind or use, or broken."""
    if not isinstance(entry, dict) or entry.get("kty") not in _ASYMMETRIC or entry.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None

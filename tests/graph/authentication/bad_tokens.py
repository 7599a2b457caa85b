"""Tokens that open nothing, by what is wrong with each."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc.jwk import ECKey

from tests.graph.authentication.issuer import claims, rsa_key, signed


def bent(part: int, change: Callable[[dict[str, Any]], object]) -> str:
    """A good token with another header (0) or other claims (1), and its old signature."""
    parts = signed(rsa_key("a")).split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    change(content)
    parts[part] = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return ".".join(parts)


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(alg: str) -> str:
    return f"{_part({'alg': alg, 'kid': 'a'})}.{_part(claims(role='ADMIN'))}."


def confused(secret: bytes) -> str:
    """Signed by HMAC, the secret being what everybody can read: the public key."""
    text = f"{_part({'alg': 'HS256', 'kid': 'a'})}.{_part(claims(role='ADMIN'))}"
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def public(form: str) -> bytes:
    key = rsa_key("a")
    return key.as_pem(private=False) if form == "PEM" else json.dumps(key.as_dict(private=False)).encode()


BAD: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned("none"),
    "alg NONE": lambda: unsigned("NONE"),
    "alg of an array": lambda: bent(0, lambda header: header.update(alg=["RS256"])),
    "no alg": lambda: bent(0, lambda header: header.pop("alg")),
    "key confusion, JWK": lambda: confused(public("JWK")),
    "key confusion, PEM": lambda: confused(public("PEM")),
    "an algorithm that is not pinned": lambda: signed(rsa_key("a"), "RS512"),
    "a key in the header": lambda: bent(0, lambda header: header.update(jwk=rsa_key("b").as_dict(private=False))),
    "somebody else's key under our ID": lambda: _with_kid("b", "a"),
    "an unknown key": lambda: signed(rsa_key("b")),
    "a key ID that is an object": lambda: bent(0, lambda header: header.update(kid={"a": 1})),
    "a curve where RSA is": lambda: signed(ECKey.generate_key("P-256", {"kid": "a"}), "ES256"),
    "an unknown critical header": lambda: bent(0, lambda header: header.update(crit=["x"], x=1)),
    "changed claims": lambda: bent(1, lambda content: content.update(role="ADMIN")),
    "another issuer": lambda: signed(rsa_key("a"), iss="https://issuer.example.org"),
    "no issuer": lambda: signed(rsa_key("a"), iss=None),
    "another audience": lambda: signed(rsa_key("a"), aud="other"),
    "no audience": lambda: signed(rsa_key("a"), aud=None),
    "other audiences": lambda: signed(rsa_key("a"), aud=["other", "dicom-graph2"]),
    "expired": lambda: signed(rsa_key("a"), exp=int(time.time()) - 1),
    "no expiry": lambda: signed(rsa_key("a"), exp=None),
    "an expiry that is a text": lambda: signed(rsa_key("a"), exp="never"),
    "an expiry that is no number": lambda: signed(rsa_key("a"), exp=float("nan")),
    "not yet valid": lambda: signed(rsa_key("a"), nbf=int(time.time()) + 60),
    "issued in the future": lambda: signed(rsa_key("a"), iat=int(time.time()) + 60),
    "no subject": lambda: signed(rsa_key("a"), sub=None),
    "an empty subject": lambda: signed(rsa_key("a"), sub=""),
    "a subject with a line break": lambda: signed(rsa_key("a"), sub="a\nb"),
    "a Patient ID with a line break": lambda: signed(rsa_key("a"), role="PATIENT", patient_id="a\nb"),
    "an endless subject": lambda: signed(rsa_key("a"), sub="a" * 1000),
    "nothing": lambda: "",
    "no token": lambda: "abc",
    "two parts": lambda: "a.b",
    "five parts": lambda: "a.b.c.d.e",
    "other letters": lambda: "\udcff.ä.\x00",
    "nested a thousand times": lambda: base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.x",
    "a number of 5,000 digits": lambda: base64.urlsafe_b64encode(b'{"alg":' + b"9" * 5000 + b"}").decode() + ".e30.x",
    "16 KiB of points": lambda: "." * 16_384,
    "16 KiB of letters": lambda: "a." * 8192,
}


def _with_kid(kid: str, said: str) -> str:
    return signed(rsa_key(kid), header={"kid": said})

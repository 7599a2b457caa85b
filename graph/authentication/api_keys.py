"""AUTH=api-key: long-lived keys of services, of which a file holds the SHA-256.

A key is 256 random bits, so that nobody finds it from its hash, however fast that is; and what a lookup by hash takes
tells nothing of any key. One line of JSON for each:
`{"name": "ris", "role": "INTEGRATION", "patientID": null, "sha256": "…"}`.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from graph.access import Identity, Role

_PREFIX = "dg_"
_KEY_BYTES = 32
_LONGEST_NAME = 256


class BadKeyFile(ValueError):
    """The file of keys cannot be used; the message says why."""


class KeyLine(BaseModel):
    """One key: whose it is, and its hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    role: Role
    patientID: str | None = None  # as the contract writes it
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _patient_of_patients(self) -> "KeyLine":
        if not self.name.isprintable():
            raise ValueError("a name is printable")
        if (self.role is Role.PATIENT) != bool(self.patientID and self.patientID.strip()):
            raise ValueError("the role PATIENT, and no other, has a patient ID")
        return self

    @property
    def identity(self) -> Identity:
        """Who presents this key."""
        return Identity(self.name, self.role, self.patientID.strip() if self.patientID else None)


@dataclass(frozen=True)
class ApiKeys:
    """The keys of a file, and the numbers of the lines that hold none."""

    by_hash: dict[str, Identity]
    bad_lines: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: bytes) -> "ApiKeys":
        """The good lines; empty ones, and those that begin with `#`, count for nothing."""
        found: dict[str, Identity] = {}
        bad: list[int] = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.lstrip().startswith(b"#"):
                try:
                    one = KeyLine.model_validate_json(line)
                except ValidationError:
                    bad.append(number)
                else:
                    found[one.sha256] = one.identity
        return cls(found, tuple(bad))

    def find(self, key: str) -> Identity | None:
        """Whose key this is."""
        return self.by_hash.get(_hash(key))


def new_key(path: Path, name: str, role: Role, patient_id: str | None = None) -> str:
    """Makes a key and adds its hash to the file; this is the only time that anybody sees the key.

    Raises `BadKeyFile` where the name is taken or no name, and OSError where the file cannot be written.
    """
    text = path.read_bytes() if path.exists() else b""
    if name in {who.subject for who in ApiKeys.of(text).by_hash.values()}:
        raise BadKeyFile(f"{path} has a key of this name already: remove its line, or choose another name")
    key = _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    fields: dict[str, Any] = {"name": name, "role": role.value, "patientID": patient_id, "sha256": _hash(key)}
    try:
        KeyLine.model_validate(fields | {"role": role})
    except ValidationError as error:
        reason: str = error.errors()[0]["msg"]
        raise BadKeyFile(reason.removeprefix("Value error, ")) from None
    with path.open("ab") as file:
        file.write((b"" if not text or text.endswith(b"\n") else b"\n") + orjson.dumps(fields) + b"\n")
    return key


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()

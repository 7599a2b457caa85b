"""Viewer sessions: what a redeemed token leaves in the browser, and what it may read from then on.

A session is a sealed cookie (JWE, `dir` with A256GCM), one for each study, so that two studies stand open in two tabs.
Every replica that has the key reads it; nothing is stored, and it ends by itself.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey
from starlette.requests import HTTPConnection
from starlette.responses import Response

from graph.access import Identity, Role
from graph.access_records.routes import Access, tell
from graph.errors import ContractError, ErrorCode
from graph.settings import Settings
from graph.viewer.roles import ViewerRole
from graph.viewer.tokens import Subject

log = structlog.get_logger(__name__)

_HEADER = {"alg": "dir", "enc": "A256GCM"}
_REGISTRY = JWERegistry(algorithms=list(_HEADER.values()))
_PREFIX = "dicom-graph-viewer-"
_KEY_FILE = "viewer-session.key"
_MOST_COOKIES = 32


@dataclass(frozen=True)
class SessionCookies:
    """Makes and reads the cookies of viewer sessions."""

    key: OctKey
    lifetime_seconds: int
    secure: bool

    @classmethod
    def of(cls, settings: Settings) -> "SessionCookies":
        """With VIEWER_SESSION_KEY, else with a random key that is kept in DATA_DIR; reads or writes a file."""
        secret = settings.viewer_session_key
        if secret is None and settings.database_url is not None:
            log.warning("viewer sessions open on this machine alone: set VIEWER_SESSION_KEY on all replicas")
        raw = secret.get_secret_value().encode() if secret else _kept_key(settings.data_dir / _KEY_FILE)
        secure = not settings.on_loopback or (settings.public_url or "").startswith("https:")
        return cls(OctKey.import_key(hashlib.sha256(raw).digest()), settings.viewer_session_seconds, secure)

    def put(self, response: Response, subject: Subject) -> None:
        """Begins a session in the browser that gets this response."""
        claims = {
            "study": subject.study_instance_uid,
            "patient": subject.patient_id,
            "user": subject.user,
            "role": subject.role.name,
            "exp": int(time.time()) + self.lifetime_seconds,
        }
        response.set_cookie(
            self._name(subject.study_instance_uid),
            jwt.encode(_HEADER, claims, self.key, registry=_REGISTRY),
            max_age=self.lifetime_seconds,
            httponly=True,
            secure=self.secure,
            samesite="lax",  # strict would be withheld from the redirect that follows a link on another site
        )

    def all_of(self, cookies: Mapping[str, str]) -> list[Subject]:
        """Every study that these cookies open at present."""
        sealed = [value for name, value in cookies.items() if name.startswith(self._prefix)]
        return list(self._opened(sealed[:_MOST_COOKIES]))

    def find(self, cookies: Mapping[str, str], study: str) -> Subject | None:
        """The session that opens this study, if there is one."""
        sealed = cookies.get(self._name(study))
        found = self._opened([sealed]) if sealed else ()
        return next((subject for subject in found if subject.study_instance_uid == study), None)

    def _opened(self, sealed: Iterable[str]) -> Iterable[Subject]:
        for value in sealed:
            claims = self._claims(value)
            if claims is not None and claims["exp"] > time.time():
                role = ViewerRole[claims["role"]]
                yield Subject(claims["study"], claims["patient"], claims["user"], role)

    def _claims(self, sealed: str) -> dict[str, Any] | None:
        try:
            return jwt.decode(sealed, self.key, registry=_REGISTRY).claims
        except (JoseError, ValueError):
            return None

    @property
    def _prefix(self) -> str:
        return f"__Host-{_PREFIX}" if self.secure else _PREFIX

    def _name(self, study: str) -> str:
        return self._prefix + hashlib.sha256(study.encode()).hexdigest()[:16]


def session_of(connection: HTTPConnection, study: str) -> Subject:
    """The session of a request that opens this study: UNAUTHENTICATED without any, FORBIDDEN with those of others."""
    cookies: SessionCookies = connection.app.state.viewer.cookies
    found = cookies.find(connection.cookies, study)
    if found is not None:
        tell_of(connection, found)
        return found
    if others := cookies.all_of(connection.cookies):
        tell(connection, Access(reader_of(others[0]), None, study or None))
        raise ContractError(ErrorCode.FORBIDDEN, "this viewer session is for another study")
    raise ContractError(ErrorCode.UNAUTHENTICATED, "there is no viewer session, or it has ended: ask for a new link")


def tell_of(connection: HTTPConnection, subject: Subject) -> None:
    """Says in the access records who looks at which study."""
    tell(connection, Access(reader_of(subject), subject.patient_id, subject.study_instance_uid))


def reader_of(subject: Subject) -> Identity:
    """Who reads by this session: in the role of the viewer, and of its patient alone."""
    return Identity(subject.user or "viewer", Role[subject.role.name], subject.patient_id)


def _kept_key(path: Path) -> bytes:
    """The key in the file, made first where there is none; of processes that race to make it, one wins for all."""
    if not path.exists():
        draft = path.with_suffix(f".{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()

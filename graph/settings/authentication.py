"""Settings of authentication: how clients prove who they are."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from graph.access import Role
from graph.authentication.api_keys import ApiKeys
from graph.authentication.keys import KeyRing
from graph.settings.lists import divided
from graph.settings.urls import HttpUrl

_SECRET_LENGTHS = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The least characters of a secret: as many as the hash has bytes (RFC 7518 §3.2)."""
_PUBLIC_KEY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_DEFAULT_PUBLIC_KEY = ("RS256", "PS256", "ES256")
_List = Annotated[tuple[str, ...], NoDecode]


class AuthenticationSettings(BaseModel):
    """Who may come in."""

    auth: Literal["none", "jwt", "api-key"] = Field(
        "none", description="How clients prove who they are: none (loopback only), jwt or api-key."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` that tokens must have; needed with AUTH=jwt.")
    jwt_audience: _List = Field(
        (), description="The `aud` that tokens must have, or several, divided by commas; needed with AUTH=jwt."
    )
    jwt_jwks_url: HttpUrl | None = Field(None, description="Where the issuer publishes its keys (JWKS).")
    jwt_jwks_file: Path | None = Field(None, description="File with the issuer's keys (JWKS), instead of a URL.")
    jwt_secret: SecretStr | None = Field(
        None, description="Secret shared with the issuer, instead of its keys: 32 characters or more."
    )
    jwt_algorithms: _List = Field(
        (), description="Algorithms that tokens may be signed by; unset: RS256,PS256,ES256, or HS256 with JWT_SECRET."
    )
    jwt_leeway_seconds: int = Field(30, ge=0, le=600, description="How far clocks may differ.")
    jwt_subject_claim: str = Field("sub", description="Claim that names the client.")
    jwt_role_claim: str = Field("role", description="Claim that holds the role, or several: realm_access.roles, say.")
    jwt_roles: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), description="Role for each value of that claim, e.g. doctor=DIAGNOSTIC,patient=PATIENT; unset: as named."
    )
    jwt_patient_id_claim: str = Field("patient_id", description="Claim that holds the Patient ID of a PATIENT.")
    api_key_file: Path | None = Field(None, description="File of API keys; needed with AUTH=api-key.")

    @field_validator("jwt_audience", "jwt_algorithms", mode="before")
    @classmethod
    def _listed(cls, text: str | tuple[str, ...]) -> tuple[str, ...]:
        return divided(text)

    @field_validator("jwt_algorithms")
    @classmethod
    def _known(cls, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        known = (*_SECRET_LENGTHS, *_PUBLIC_KEY)
        for one in algorithms:
            if one not in known:
                raise ValueError(f"has {one!r}, which is none of {', '.join(known)}")
        return algorithms

    @field_validator("jwt_roles", mode="before")
    @classmethod
    def _mapping(cls, text: str | tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        if not isinstance(text, str):
            return text
        pairs = [part.rpartition("=") for part in text.split(",") if part.strip()]
        found = tuple((value.strip(), role.strip()) for value, _, role in pairs)
        for value, role in found:
            if not value or role not in Role.__members__:
                raise ValueError(f"must be value=ROLE, divided by commas, with the roles {', '.join(Role.__members__)}")
        return found

    @field_validator("jwt_jwks_file", "api_key_file")
    @classmethod
    def _there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("is not a file")
        return path

    @field_validator("jwt_jwks_file")
    @classmethod
    def _key_set(cls, path: Path | None) -> Path | None:
        if path is not None:
            KeyRing.of_jwks(path.read_bytes())
        return path

    @field_validator("api_key_file")
    @classmethod
    def _key_lines(cls, path: Path | None) -> Path | None:
        bad_lines = () if path is None else ApiKeys.of(path.read_bytes()).bad_lines
        if bad_lines:
            raise ValueError(f"has a line {bad_lines[0]} that is no key")
        return path

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.auth == "api-key" and self.api_key_file is None:
            raise ValueError("AUTH=api-key needs API_KEY_FILE: make the file with `dicom-graph api-key new`")
        if self.auth == "jwt":
            self._check_tokens()
        return self

    def _check_tokens(self) -> None:
        if not self.jwt_issuer or not self.jwt_audience:
            raise ValueError("AUTH=jwt needs JWT_ISSUER and JWT_AUDIENCE: whose tokens are taken, and for whom")
        if [self.jwt_jwks_url, self.jwt_jwks_file, self.jwt_secret].count(None) != 2:
            raise ValueError("AUTH=jwt needs one of JWT_JWKS_URL, JWT_JWKS_FILE and JWT_SECRET")
        for one in self.pinned_algorithms:
            if (one in _SECRET_LENGTHS) != (self.jwt_secret is not None):
                raise ValueError("JWT_ALGORITHMS must be HS256, HS384 or HS512 with JWT_SECRET, and none of them else")
            least = _SECRET_LENGTHS.get(one, 0)
            if self.jwt_secret is not None and len(self.jwt_secret.get_secret_value()) < least:
                raise ValueError(f"JWT_SECRET must have {least} characters or more for {one}")

    @property
    def pinned_algorithms(self) -> tuple[str, ...]:
        """What tokens may be signed by; nothing in a token changes it."""
        return self.jwt_algorithms or (_DEFAULT_PUBLIC_KEY if self.jwt_secret is None else ("HS256",))

"""Every setting of the server: environment variables, or lines of a file `.env` in the working directory.

A wrong value stops the start with a sentence that names the variable (`SettingsError`). Each subject has its file here;
the README's table is tested against the class that joins them.
"""

from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.settings.authentication import AuthenticationSettings
from graph.settings.dimse import DimseSettings
from graph.settings.events import EventSettings
from graph.settings.limits import LimitSettings
from graph.settings.pacs import PacsSettings
from graph.settings.serving import ServingSettings
from graph.settings.viewer import ViewerSettings
from graph.settings.worklist import WorklistSettings

_UNSHOWN = ("database_url", "callback_urls")
"""Settings that may hold a password without being a secret as a whole."""


class SettingsError(ValueError):
    """One or more settings are wrong; the message has a line for each."""


class Settings(
    ServingSettings,
    AuthenticationSettings,
    PacsSettings,
    DimseSettings,
    WorklistSettings,
    EventSettings,
    ViewerSettings,
    LimitSettings,
    BaseSettings,
):
    """What can be set, each with its unit, its default and a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, allow_inf_nan=False
    )

    @property
    def needs_embedded(self) -> bool:
        """Whether exams or the worklist may live in the embedded PACS."""
        return self.pacs_url is None or self.worklist_url is None

    @model_validator(mode="after")
    def _not_open_to_everybody(self) -> Self:
        if not self.on_loopback and (self.auth == "none" or self.callback_token is None):
            raise ValueError(
                f"HOST={self.host} is not a loopback address: set AUTH to jwt or api-key, and CALLBACK_TOKEN, first"
            )
        return self

    @model_validator(mode="after")
    def _somebody_may_call(self) -> Self:
        if self.dimse_port is not None and not self.on_loopback and not self.dimse_host and not self.dimse_peers:
            raise ValueError(
                f"DIMSE_PORT: HOST={self.host} is not a loopback address, so only peers may call: name them in "
                "DIMSE_PEERS, or set DIMSE_HOST=127.0.0.1"
            )
        return self

    @property
    def is_for_trying(self) -> bool:
        """Whether nobody but the person at this machine is served: then it shows what helps to try it."""
        return self.on_loopback and self.auth == "none"

    @property
    def serves_graphiql(self) -> bool:
        """Whether browsers get GraphiQL at /graphql."""
        return self.is_for_trying if self.graphiql is None else self.graphiql

    @property
    def serves_introspection(self) -> bool:
        """Whether the schema tells of itself."""
        return self.is_for_trying if self.introspection is None else self.introspection


def load(**overrides: Any) -> Settings:
    """The settings of this process; `SettingsError` with a sentence for every wrong one."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors(include_url=False)))) from None


def _sentence(problem: Any) -> str:
    reason: str = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    name = str(problem["loc"][0])
    field = Settings.model_fields[name]
    given = str(problem["input"])
    is_secret = "Secret" in str(field.annotation) or name in _UNSHOWN or "@" in given  # as in http://user:password@host
    shown = "" if is_secret else f"={given}"
    return f"{name.upper()}{shown}: {reason[0].lower()}{reason[1:]}. {field.description}"

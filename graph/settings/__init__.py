"""Every setting of the server: environment variables, or lines of a file `.env` in the working directory.

A wrong value stops the start with a sentence that names the variable (`SettingsError`). Each subject has its file here;
the README's table is tested against the class that joins them.
"""

from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    PacsSettings,
    DimseSettings,
    WorklistSettings,
    EventSettings,
    ViewerSettings,
    LimitSettings,
    BaseSettings,
):
    """What can be set, each with its unit, its default and a sentence."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)


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
    shown = "" if "Secret" in str(field.annotation) or name in _UNSHOWN else f"={problem['input']!s}"
    return f"{name.upper()}{shown}: {reason[0].lower()}{reason[1:]}. {field.description}"

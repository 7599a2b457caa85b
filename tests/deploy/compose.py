"""compose.yaml as it stands, and with the values that `prepare` would give it."""

import re
from typing import Any

import yaml

from tests.deploy import DEPLOY

PATH = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = ("dicom-graph-1", "dicom-graph-2")
_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]+\}")


def variables(value: Any) -> set[str]:
    """The variables that a value is made from."""
    return set(_VARIABLE.findall(str(value)))


def filled(value: Any) -> Any:
    """A value with every variable in place, each as long as a random one is."""
    return _VARIABLE.sub(lambda match: match[1].lower() * 4, value) if isinstance(value, str) else value


def dot_env() -> dict[str, str]:
    """The variables that `prepare` writes, filled with something."""
    template = (DEPLOY / "prepare").read_text(encoding="utf-8").split("<<ENV\n")[1].split("\nENV\n")[0]
    lines = [line for line in template.splitlines() if not line.startswith("#")]
    return {name: re.sub(r"\$\(.*\)", "0" * 64, value) for name, _, value in (line.partition("=") for line in lines)}


def networks(service: str) -> set[str]:
    """The networks that a service is in."""
    return set(SERVICES[service]["networks"])

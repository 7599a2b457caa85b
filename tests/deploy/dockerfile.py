"""Reads Dockerfiles: their instructions in order, and what may be copied."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Instruction:
    """One instruction, its lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its arguments without its flags."""
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def json(self) -> Any:
        """Its argument in the exec form."""
        return json.loads(self.text[self.text.index("[") :])

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`."""
        found = re.search(rf"--{name}=(\S+)", self.text)
        return found[1] if found else None


def instructions(path: Path) -> list[Instruction]:
    """All of a Dockerfile."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(" ", 1)) for line in joined.splitlines()]


def stages(path: Path) -> list[list[Instruction]]:
    """The instructions of each stage."""
    found: list[list[Instruction]] = []
    for one in instructions(path):
        if one.name == "FROM":
            found.append([])
        found[-1].append(one)
    return found


def named(name: str, among: list[Instruction]) -> list[Instruction]:
    """The instructions of that name."""
    return [one for one in among if one.name == name]


def context(folder: Path) -> set[str]:
    """Names at the top of the folder that its .dockerignore, a list of exceptions from `*`, lets in."""
    ignored = folder / ".dockerignore"
    if not ignored.exists():
        return {path.name for path in folder.iterdir()}
    rules = [line for line in ignored.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
    if rules[0] != "*":
        raise ValueError(".dockerignore begins with something else than *")
    return {rule[1:] for rule in rules if rule.startswith("!")}

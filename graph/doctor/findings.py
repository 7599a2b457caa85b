"""What the doctor finds."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How good a finding is."""

    OK = "ok"
    NOTE = "note"
    """Works, but is worth knowing; or could not be told."""
    PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """One line of the report. Texts hold no patient data and no secrets, and no settings but plain URLs."""

    verdict: Verdict
    text: str
    advice: str = ""
    """What to set or do."""


Findings = AsyncIterator[Finding]


def ok(text: str) -> Finding:
    """All is well."""
    return Finding(Verdict.OK, text)


def note(text: str, advice: str = "") -> Finding:
    """Worth knowing."""
    return Finding(Verdict.NOTE, text, advice)


def problem(text: str, advice: str = "") -> Finding:
    """Something will not work."""
    return Finding(Verdict.PROBLEM, text, advice)

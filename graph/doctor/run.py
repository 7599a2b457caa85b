"""All examinations in their order, printed as they come."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from graph.doctor.callback import examine_callback
from graph.doctor.dimse import examine_dimse
from graph.doctor.findings import Finding, Findings, Verdict, note
from graph.doctor.orthanc import examine_orthanc
from graph.doctor.pacs import examine_pacs
from graph.doctor.store import examine_store
from graph.doctor.storing import examine_storing
from graph.doctor.worklist import examine_worklist
from graph.settings import Settings

_ADVICE_INDENT = " " * 11

Print = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What may be done beyond reading."""

    store: bool = False
    post: bool = False


def examine(settings: Settings, options: Options, echo: Print) -> bool:
    """Prints what is found, and returns whether there is no problem."""
    return asyncio.run(_examine(settings, options, echo))


async def _examine(settings: Settings, options: Options, echo: Print) -> bool:
    counts: Counter[Verdict] = Counter()
    for title, findings in _examinations(settings, options):
        async for finding in _printed(title, findings, echo):
            counts[finding.verdict] += 1
    echo(f"problems: {counts[Verdict.PROBLEM]}, notes: {counts[Verdict.NOTE]}")
    return not counts[Verdict.PROBLEM]


def _examinations(settings: Settings, options: Options) -> list[tuple[str, Findings]]:
    pacs = f"PACS {settings.pacs_url or '(embedded)'}"
    return [
        (pacs, examine_pacs(settings) if _has_address(settings) else _embedded()),
        ("Storing", examine_storing(settings, really=options.store) if _has_address(settings) else _nothing()),
        ("Orthanc's REST API", examine_orthanc(settings)),
        ("Worklist", examine_worklist(settings)),
        ("Callback", examine_callback(settings, post=options.post)),
        ("Store", examine_store(settings)),
        ("DICOM network", examine_dimse(settings)),
    ]


def _has_address(settings: Settings) -> bool:
    return settings.pacs_url is not None or settings.archive_socket is not None


async def _embedded() -> Findings:
    yield note("runs within the server, and is not probed from here", "GET /health/ready says whether it answers")


async def _nothing() -> Findings:
    none: tuple[Finding, ...] = ()
    for finding in none:
        yield finding


async def _printed(title: str, findings: Findings, echo: Print) -> Findings:
    """Passes on what it prints; a title only above something."""
    is_first = True
    async for finding in findings:
        if is_first:
            echo(title)
        is_first = False
        for line in _lines(finding):
            echo(line)
        yield finding


def _lines(finding: Finding) -> list[str]:
    advice = [f"{_ADVICE_INDENT}→ {finding.advice}"] if finding.advice else []
    return [f"  {finding.verdict:<8} {finding.text}", *advice]

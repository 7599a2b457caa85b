"""The table of service × peer on the DICOM network: tests name their cell, and pytest prints the table at its end."""

from collections.abc import Iterable, Sequence

Cell = tuple[str, str]

SERVICES = ("Verification", "Store", "Find", "Get", "Move", "Worklist", "MPPS", "Commitment", "Print")
PEERS = ("dcmtk", "pynetdicom", "Orthanc")
_NOT_THERE: dict[Cell, str] = {
    ("Get", "Orthanc"): "has none",
    ("MPPS", "dcmtk"): "has none",
    ("MPPS", "Orthanc"): "has none",
    ("Commitment", "dcmtk"): "has none",
    ("Print", "pynetdicom"): "has none",
    ("Print", "Orthanc"): "has none",
}
"""What a peer does not speak."""


def check(cells: Sequence[str]) -> Cell:
    """The cell of a mark; ValueError for one that the table does not have."""
    service, peer = cells
    if service not in SERVICES or peer not in PEERS or (service, peer) in _NOT_THERE:
        raise ValueError(f"the table has no cell {service} × {peer}")
    return service, peer


def lines(outcomes: Iterable[tuple[Cell, str]]) -> list[str]:
    """The table, with how many of a cell's tests ended how."""
    found: dict[Cell, dict[str, int]] = {}
    for cell, outcome in outcomes:
        counts = found.setdefault(cell, {})
        counts[outcome] = counts.get(outcome, 0) + 1
    rows = [["", *PEERS]]
    for service in SERVICES:
        texts = [_text((service, peer), found.get((service, peer), {})) for peer in PEERS]
        rows.append([service, *texts])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _text(cell: Cell, counts: dict[str, int]) -> str:
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    return told or _NOT_THERE.get(cell, "not run")

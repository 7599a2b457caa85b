"""The table of faults that a module's tests have tried, with what was measured; printed at its end (see it with -s)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Row:
    """One fault, what was being done, what the client was told, and how long it took."""

    fault: str
    operation: str
    outcome: str = ""
    seconds: float = 0.0


@dataclass
class FaultTable:
    """Rows in their order."""

    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def measured(self, fault: str, operation: str) -> Iterator[Row]:
        """A row, timed; the test fills in the outcome."""
        row = Row(fault, operation)
        started = time.perf_counter()
        yield row
        row.seconds = time.perf_counter() - started
        self.rows.append(row)

    def __str__(self) -> str:
        lines = [f"{row.fault:<32} {row.operation:<10} {row.outcome:<34} {row.seconds:6.2f} s" for row in self.rows]
        return "\n".join(["", f"{'fault':<32} {'during':<10} {'told':<34} {'after':>8}", *lines])

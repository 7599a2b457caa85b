"""How fast the embedded worklist answers: `python -m tests.benchmarks.worklist [workitems]`."""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pacs.archive import worklist_store
from pacs.archive.search_parameters import parse_search
from pacs.archive.ups_datasets import created
from pacs.archive.worklist import Worklist
from pacs.workitem_check import checked
from pacs.workitem_ups import write
from tests.pacs.workitem_examples import full

QUERIES = {
    "by patient": "PatientID=P17",
    "by study": "ReferencedRequestSequence.StudyInstanceUID=1.2.840.99.4711",
    "by station and day": "ScheduledStationNameCodeSequence.CodeValue=AE4&ScheduledProcedureStepStartDateTime=20260312",
    "first page": "ProcedureStepState=SCHEDULED&limit=50",
    "by name (no index)": "PatientName=nobody*",
}


async def fill(worklist: Worklist, count: int) -> None:
    """As many workitems, ten a patient, in one transaction."""
    template = write(checked(full()))

    def work(connection: object) -> None:
        for number in range(count):
            day, hour = number % 28 + 1, number // 28 % 24
            payload = template | {
                "00100020": {"vr": "LO", "Value": [f"P{number // 10}"]},
                "00404005": {"vr": "DT", "Value": [f"202603{day:02}{hour:02}3000"]},
                "0020000D": {"vr": "UI", "Value": [f"1.2.840.99.{number}"]},
                "0040A370": {"vr": "SQ", "Value": [{"0020000D": {"vr": "UI", "Value": [f"1.2.840.99.{number}"]}}]},
                "00404025": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": [f"AE{number % 7}"]}}]},
            }
            uid = f"2.25.{number + 1}"
            dataset, _ = created(payload, uid, worklist.now())
            worklist_store.insert(connection, uid, dataset)  # type: ignore[arg-type]  # a sqlite3.Connection

    await worklist._database.write(work)


async def measure(worklist: Worklist, query: str, times: int = 50) -> tuple[float, float, int]:
    """Median and slowest milliseconds, and how many were found."""
    taken = []
    found = 0
    for _ in range(times):
        start = time.perf_counter()
        found = len((await worklist.search(parse_search(query))).datasets)
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken), max(taken), found


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        worklist = Worklist(Path(folder) / "worklist.sqlite")
        await worklist.open()
        await fill(worklist, count)
        for name, query in QUERIES.items():
            median, slowest, found = await measure(worklist, query, times=5 if "no index" in name else 50)
            print(f"{name:24} median {median:8.2f} ms  slowest {slowest:8.2f} ms  {found} found of {count}")
        payload = write(checked(full()))
        start = time.perf_counter()
        for number in range(200):
            await worklist.create(f"2.25.9{number:09}", payload)
        print(f"{'create, one by one':24} {(time.perf_counter() - start) * 1000 / 200:.2f} ms each")
        await worklist.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))

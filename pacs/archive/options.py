"""What the embedded PACS can be told."""

from dataclasses import dataclass
from pathlib import Path

from pacs.archive.dimse.options import DimseOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOptions:
    """Options of one archive.

    `data_dir` belongs to it alone. `notify_url` is posted to whenever a study was unchanged for
    `stable_age_seconds`, with `notify_token` as bearer token and `source_id` as the event's SourceID; without a URL
    nothing is announced. `allow_delete` admits `DELETE` of studies and series. With `dimse` it is on the DICOM network
    as well, and keeps what is printed there in `prints_dir`, else in `prints` under `data_dir`. With `takes_given` it
    takes files by name (see `pacs.given_files`), which is for an archive that only its own service can talk to.
    """

    data_dir: Path
    notify_url: str | None = None
    notify_token: str | None = None
    stable_age_seconds: float = 2.0
    source_id: str = "dicom-graph"
    allow_delete: bool = False
    dimse: DimseOptions | None = None
    prints_dir: Path | None = None
    takes_given: bool = False

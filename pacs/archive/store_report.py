"""What a store request is answered: the Store Instances Response Module (PS3.18 Annex I), and the status."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from pacs.archive import http
from pacs.archive.destinations import Destination
from pacs.attributes import JSONDataset
from pacs.part10 import Part10Header

_MOST_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part: stored when `reason` is 0. `header` is None for what could not be identified."""

    header: Part10Header | None
    reason: int = 0
    sentence: str = ""


def answer(results: Sequence[Result], destination: Destination, base: str, *, status: int | None = None) -> Response:
    """The answer about all parts, 400 when there were none; `status` for another than follows from them."""
    if not results:
        raise HTTPException(400, "the body has no parts")
    stored = [result.header for result in results if result.header and not result.reason]
    refused = [result for result in results if result.reason]
    report: JSONDataset = {"00081190": {"vr": "UR"}}
    if whole := destination.whole_url(stored, base):
        report["00081190"]["Value"] = [whole]
    sequences = {
        "00081199": [_stored_item(header, destination.url(header, base)) for header in stored],
        "00081198": [_failed_item(result) for result in refused if result.header],
        "0008119A": [_failed_item(result) for result in refused if not result.header],
    }
    report.update({tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items})
    sentences = list(dict.fromkeys(result.sentence for result in refused))[:_MOST_WARNINGS]
    status = status or _status(stored, refused, destination.partly_stored_status)
    return http.dicom_json(report, status=status, warnings=sentences)


def _status(stored: Sequence[Part10Header], refused: Sequence[Result], partly_stored: int) -> int:
    if not refused:
        return 200
    if stored:
        return partly_stored
    return 409 if any(result.header for result in refused) else 400


def _stored_item(header: Part10Header, url: str) -> JSONDataset:
    return {**_references(header), "00081190": {"vr": "UR", "Value": [url]}}


def _failed_item(result: Result) -> JSONDataset:
    references = _references(result.header) if result.header else {}
    return {**references, "00081197": {"vr": "US", "Value": [result.reason]}}


def _references(header: Part10Header) -> JSONDataset:
    return {
        "00081150": {"vr": "UI", "Value": [header.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [header.sop_instance_uid]},
    }

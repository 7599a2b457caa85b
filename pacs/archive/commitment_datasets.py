"""Requests and results of storage commitment as datasets (PS3.4 §J.3, PS3.18 Annex J)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from pacs.archive.commitment_store import Commitment, Reference
from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.errors import BadAttribute
from pacs.uids import is_uid

MOST_REFERENCES = 100_000


def references(request: JSONDataset) -> list[Reference]:
    """What a request lists: by Referenced SOP Sequence, or by studies and series. `BadAttribute`."""
    root = Dataset(request)
    flat = (Reference(*_uids(item)) for item in root.items("ReferencedSOPSequence"))
    found = list(dict.fromkeys([*flat, *_of_studies(root)]))
    if not found:
        raise BadAttribute("ReferencedSOPSequence", "must list at least one object")
    if len(found) > MOST_REFERENCES:
        raise BadAttribute("ReferencedSOPSequence", f"may list {MOST_REFERENCES} objects")
    return found


def result(commitment: Commitment) -> JSONDataset:
    """What became of the objects that a request lists; all of them are there. Its `reasons` must be known."""
    assert commitment.reasons is not None  # noqa: S101  # only what was looked at has a result
    pairs = list(zip(commitment.references, commitment.reasons, strict=True))
    flat = [(one, reason) for one, reason in pairs if one.study_instance_uid is None]
    placed = [(one, reason) for one, reason in pairs if one.study_instance_uid is not None]
    sequences = {
        "ReferencedSOPSequence": [_item(one) for one, reason in flat if not reason],
        "FailedSOPSequence": [_item(one) | _failure(reason) for one, reason in flat if reason],
        "ReferencedStudySequence": _studies((one, {}) for one, reason in placed if not reason),
        "FailedStudySequence": _studies((one, _failure(reason)) for one, reason in placed if reason),
    }
    return {tag(keyword): element("SQ", items) for keyword, items in sequences.items() if items}


def _of_studies(root: Dataset) -> Iterator[Reference]:
    for study in root.items("ReferencedStudySequence"):
        for series in study.items("ReferencedSeriesSequence"):
            for instances in series.items("ReferencedInstancesBySOPClassSequence"):
                for instance in instances.items("ReferencedInstanceSequence"):
                    yield Reference(
                        _uid(instances, "ReferencedSOPClassUID"),
                        _uid(instance, "ReferencedSOPInstanceUID"),
                        _uid(study, "StudyInstanceUID"),
                        _uid(series, "SeriesInstanceUID"),
                    )


def _studies(found: Iterable[tuple[Reference, JSONDataset]]) -> list[JSONDataset]:
    """Items of Referenced or Failed Study Sequence."""
    studies: dict[str, dict[str, dict[str, list[JSONDataset]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for one, failure in found:
        instance = {tag("ReferencedSOPInstanceUID"): element("UI", [one.sop_instance_uid])} | failure
        studies[str(one.study_instance_uid)][str(one.series_instance_uid)][one.sop_class_uid].append(instance)
    return [
        _level("StudyInstanceUID", study, "ReferencedSeriesSequence", [_series(uid, one) for uid, one in below.items()])
        for study, below in studies.items()
    ]


def _series(uid: str, classes: dict[str, list[JSONDataset]]) -> JSONDataset:
    items = [
        _level("ReferencedSOPClassUID", sop_class, "ReferencedInstanceSequence", instances)
        for sop_class, instances in classes.items()
    ]
    return _level("SeriesInstanceUID", uid, "ReferencedInstancesBySOPClassSequence", items)


def _level(keyword: str, uid: str, sequence: str, items: list[JSONDataset]) -> JSONDataset:
    return {tag(keyword): element("UI", [uid]), tag(sequence): element("SQ", items)}


def _item(reference: Reference) -> JSONDataset:
    return {
        tag("ReferencedSOPClassUID"): element("UI", [reference.sop_class_uid]),
        tag("ReferencedSOPInstanceUID"): element("UI", [reference.sop_instance_uid]),
    }


def _failure(reason: int) -> dict[str, Any]:
    return {tag("FailureReason"): element("US", [reason])}


def _uids(item: Dataset) -> tuple[str, str]:
    return _uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID")


def _uid(item: Dataset, keyword: str) -> str:
    text = item.text(keyword)
    if not text or not is_uid(text, lenient=True):
        raise BadAttribute(keyword, "must be a UID in each item")
    return text

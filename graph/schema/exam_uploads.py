"""Uploading DICOM files: each result stands alone, so that a bad file fails alone."""

import asyncio
from dataclasses import dataclass
from enum import Enum

import strawberry

from graph.access_records.actions import STORE_EXAM
from graph.access_records.trail import AccessOutcome
from graph.context import Info
from graph.engine.uploads import UploadedFile
from graph.schema.attributes import selected_keywords
from graph.schema.instances import Instance, Scope
from pacs import errors, part10
from pacs.attributes import Dataset
from pacs.attributes import tag as tag_of
from pacs.part10 import Part10Header
from pacs.stow import NewObject

_IDENTIFIERS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})


@strawberry.enum(description="Why a file was not stored.")
class UploadErrorCode(Enum):
    """One for each way in which a file can fail."""

    NOT_DICOM = "NOT_DICOM"
    INVALID_DICOM = "INVALID_DICOM"
    CONFLICT = "CONFLICT"
    TOO_LARGE = "TOO_LARGE"
    REFUSED_BY_PACS = "REFUSED_BY_PACS"


@strawberry.type(description="Why a file was not stored.")
class UploadError:
    """A code, and a sentence for people."""

    code: UploadErrorCode
    message: str


@strawberry.type(description="What became of one file.")
class ExamUploadResult:
    """Either the instance or the error is set."""

    filename: str | None
    instance: Instance | None = strawberry.field(
        default=None, description="Set when the PACS has confirmed the object."
    )
    error: UploadError | None = None


@strawberry.type(description="What became of the files.")
class UploadExamsPayload:
    """What uploadExams answers."""

    results: list[ExamUploadResult]


_CODES: dict[type[Exception], UploadErrorCode] = {
    errors.NotDicom: UploadErrorCode.NOT_DICOM,
    errors.InvalidDicom: UploadErrorCode.INVALID_DICOM,
    errors.Conflict: UploadErrorCode.CONFLICT,
}


class _TooLarge(Exception):
    """A file over the limit; its bytes were not kept."""


@dataclass(frozen=True)
class _Outcome:
    """Either what was stored, or why it was not."""

    header: Part10Header | None = None
    error: Exception | None = None


@strawberry.type
class ExamUploadMutations:
    """The part of Mutation that stores exams."""

    @strawberry.mutation(description="One result per file, in order; a bad file fails alone.")
    async def upload_exams(self, info: Info, files: list[UploadedFile]) -> UploadExamsPayload:
        """Stores the files in the PACS. Where it cannot be reached for any of them, that is the mutation's error."""
        outcomes = await _stored(info, files)
        _raise_if_unreachable(outcomes)
        instances = await _instances(info, [outcome.header for outcome in outcomes if outcome.header])
        return UploadExamsPayload(
            results=[
                ExamUploadResult(
                    filename=file.filename,
                    instance=instances.get(outcome.header.sop_instance_uid) if outcome.header else None,
                    error=_explain(outcome.error) if outcome.error else None,
                )
                for file, outcome in zip(files, outcomes, strict=True)
            ]
        )


async def _stored(info: Info, files: list[UploadedFile]) -> list[_Outcome]:
    """What became of each file: those that are what they should be go to the PACS together."""
    limit = info.context.settings.max_upload_bytes
    checked = await asyncio.to_thread(lambda: [_checked(file, limit) for file in files])
    told = iter(await info.context.pacs.store([one for one in checked if isinstance(one, NewObject)]))
    outcomes = []
    for one in checked:
        header, error = (one.header, next(told)) if isinstance(one, NewObject) else (None, one)
        outcome = AccessOutcome.FAILED if error else AccessOutcome.ALLOWED
        info.context.trail.note(STORE_EXAM, None, header.study_instance_uid if header else None, outcome)
        outcomes.append(_Outcome(error=error) if error else _Outcome(header))
    return outcomes


def _checked(file: UploadedFile, limit: int) -> NewObject | Exception:
    if file.too_large:
        return _TooLarge(f"the file is larger than {limit} bytes")
    own = file.file.again()  # the same may stand at several places
    try:
        return NewObject(own, file.size, part10.check(own, file.size))
    except errors.BadDicom as error:
        return error


def _raise_if_unreachable(outcomes: list[_Outcome]) -> None:
    """One file stored, or one refused for what it is, is news that an error would hide."""
    failures = [outcome.error for outcome in outcomes]
    unreachable = (errors.PacsUnavailable, errors.PacsTimeout, errors.PacsUnauthorized)
    if failures and all(isinstance(failure, unreachable) for failure in failures) and failures[0]:
        raise failures[0]


def _explain(error: Exception) -> UploadError:
    if isinstance(error, _TooLarge):
        return UploadError(code=UploadErrorCode.TOO_LARGE, message=str(error))
    return UploadError(code=_CODES.get(type(error), UploadErrorCode.REFUSED_BY_PACS), message=str(error))


async def _instances(info: Info, headers: list[Part10Header]) -> dict[str, Instance]:
    """The stored instances by SOP Instance UID: from the files' headers, or the PACS where the query wants more."""
    scope = Scope("", info.context.links)
    found = {header.sop_instance_uid: Instance(dataset=_dataset(header), scope=scope) for header in headers}
    include = selected_keywords(info, Instance, "results.instance")
    if headers and not include <= _IDENTIFIERS:
        for dataset in await info.context.pacs.stored(list(found), include):
            found[dataset.text("SOPInstanceUID") or ""] = Instance(dataset=dataset, scope=scope)
    return found


def _dataset(header: Part10Header) -> Dataset:
    uids = {
        "SOPClassUID": header.sop_class_uid,
        "SOPInstanceUID": header.sop_instance_uid,
        "StudyInstanceUID": header.study_instance_uid,
        "SeriesInstanceUID": header.series_instance_uid,
    }
    return Dataset({tag_of(keyword): {"vr": "UI", "Value": [uid]} for keyword, uid in uids.items()})

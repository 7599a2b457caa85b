import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import StorageCommitmentPushModel as PUSH  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import StorageCommitmentPushModelInstance as WELL_KNOWN

from pacs.archive.commitment import Commitments
from pacs.archive.commitment_reports import Patience
from pacs.archive.dimse.calls import Calls
from pacs.archive.dimse.commitment import commitment_service, reporter
from pacs.archive.dimse.options import DimseOptions
from pacs.archive.dimse.service import Caller
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.incoming import Incoming
from pacs.archive.index import Index
from pacs.peers import Peer, Peers
from tests.pacs.archive.dimse.modality import Modality
from tests.pacs.archive.dimse.network import free_port
from tests.pacs.archive.dimse.peer import associated, dataset, listening
from tests.pacs.archive.samples import instance

CT = "1.2.840.10008.5.1.4.1.1.2"
HERE = {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": "1.2.3.1.1.1"}
GONE = {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": "1.2.3.1.1.2"}


@dataclass
class Archive:
    """An archive with one object, to be asked."""

    port: int
    commitments: Commitments
    modality: Modality

    async def asked(self, *references: dict[str, str], ae_title: str = "SCANNER", **changes: Any) -> Dataset:
        information = {"TransactionUID": "2.25.1", "ReferencedSOPSequence": list(references)} | changes
        asked = dataset(**{keyword: value for keyword, value in information.items() if value is not None})
        return await self.acted(asked, ae_title=ae_title)

    async def acted(
        self,
        information: Dataset,
        *,
        action: int = 1,
        sop_class: str = PUSH,
        instance_uid: str = WELL_KNOWN,
        ae_title: str = "SCANNER",
    ) -> Dataset:
        def run() -> Dataset:
            with associated(self.port, PUSH, ae_title=ae_title) as association:
                return association.send_n_action(information, action, sop_class, instance_uid, meta_uid=PUSH)[0]

        return await asyncio.to_thread(run)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    modality = Modality(port=free_port())
    index, files = Index(tmp_path), FileStore(tmp_path)
    index.open()
    files.open(lambda _: True)
    await _store(Filing(index, files, lambda: None), files)
    commitments = Commitments(tmp_path / "commitments.sqlite", index, files, Patience(first_seconds=0.05))
    await commitments.open()
    peers = Peers([Peer("SCANNER", "127.0.0.1", modality.port)])
    await commitments.report_by(reporter(Calls(DimseOptions(port=0, ae_title="ARCHIVE", peers=peers))))
    service = commitment_service(commitments, peers, Caller(asyncio.get_running_loop()))
    async with listening(service, peers=peers) as port:
        yield Archive(port, commitments, modality)
    await commitments.close()
    files.close()
    index.close()


async def _store(filing: Filing, files: FileStore) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield instance(SOPInstanceUID="1.2.3.1.1.1")

    incoming = Incoming(files.new_incoming())
    await incoming.fill(content())
    await filing.file([incoming.finish()])


async def test_what_is_here_is_committed_on_an_association_of_its_own(archive: Archive) -> None:
    with archive.modality.listening():
        assert (await archive.asked(HERE)).Status == 0x0000
        report = await archive.modality.next()

    assert (report.event_type, report.caller) == (1, "ARCHIVE")
    assert report.information.TransactionUID == "2.25.1"
    (item,) = report.information.ReferencedSOPSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (CT, "1.2.3.1.1.1")
    assert "FailedSOPSequence" not in report.information


async def test_every_object_is_in_the_report_with_what_is_wrong_with_it(archive: Archive) -> None:
    with archive.modality.listening():
        await archive.asked(HERE, GONE)
        report = await archive.modality.next()

    assert report.event_type == 2
    assert [item.ReferencedSOPInstanceUID for item in report.information.ReferencedSOPSequence] == ["1.2.3.1.1.1"]
    (failed,) = report.information.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.3.1.1.2", 0x0112)


async def test_a_modality_that_does_not_listen_is_told_when_it_does(archive: Archive) -> None:
    assert (await archive.asked(HERE)).Status == 0x0000
    async with asyncio.timeout(5):
        while (found := await archive.commitments.find("2.25.1")) is None or not found.attempts:
            await asyncio.sleep(0.01)

    with archive.modality.listening():
        assert (await archive.modality.next()).event_type == 1


async def test_a_modality_that_refuses_a_report_is_told_again(archive: Archive) -> None:
    archive.modality.statuses = [0x0110, 0x0000]

    with archive.modality.listening():
        await archive.asked(HERE)
        reports = [await archive.modality.next() for _ in range(2)]

    assert [report.event_type for report in reports] == [1, 1]


async def test_who_asks_again_is_told_again(archive: Archive) -> None:
    with archive.modality.listening():
        for _ in range(2):
            assert (await archive.asked(HERE)).Status == 0x0000
            assert (await archive.modality.next()).event_type == 1


async def test_a_transaction_uid_is_used_once(archive: Archive) -> None:
    await archive.asked(HERE)

    answer = await archive.asked(GONE)

    assert (answer.Status, answer.ErrorComment) == (0x0110, "the Transaction UID is in use")


async def test_who_cannot_be_told_is_refused(archive: Archive) -> None:
    answer = await archive.asked(HERE, ae_title="STRANGER")

    assert answer.Status == 0x0124
    assert await archive.commitments.find("2.25.1") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"TransactionUID": None},
        {"TransactionUID": ""},
        {"TransactionUID": "nonsense"},
        {"ReferencedSOPSequence": None},
        {"ReferencedSOPSequence": []},
        {"ReferencedSOPSequence": [{"ReferencedSOPClassUID": CT}]},
    ],
)
async def test_a_request_that_lacks_something_is_refused(archive: Archive, changes: dict[str, Any]) -> None:
    answer = await archive.asked(HERE, **changes)

    assert answer.Status == 0x0115
    assert answer.ErrorComment.startswith(("TransactionUID", "ReferencedSOP"))


async def test_other_actions_instances_and_classes_are_unknown(archive: Archive) -> None:
    asked = dataset(TransactionUID="2.25.1", ReferencedSOPSequence=[HERE])

    assert (await archive.acted(asked, action=2)).Status == 0x0123
    assert (await archive.acted(asked, instance_uid="1.2.3")).Status == 0x0112
    assert (await archive.acted(asked, sop_class=CT)).Status == 0x0118

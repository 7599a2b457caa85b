"""kill -9 while objects that belong to no patient are stored."""

import threading
from pathlib import Path

import httpx

from pacs.archive.verify import verify
from tests.pacs.archive.npi_samples import hanging_protocol
from tests.real.archive import ArchiveProcess

_ROUNDS = 6
_FILE = {"content-type": "application/dicom"}


def test_six_kills_while_storing_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    archive = ArchiveProcess(tmp_path)
    sent: dict[str, bytes] = {}
    answered: set[str] = set()
    for round_ in range(_ROUNDS):
        archive.start()
        uids = [f"1.2.5.{round_}.{number}" for number in range(400)]
        sent |= {uid: hanging_protocol(SOPInstanceUID=uid, HangingProtocolDescription="x" * 60) for uid in uids}
        answered |= _answered_until_killed(archive, {uid: sent[uid] for uid in uids}, successes=10 * (round_ + 1))
    with archive:
        answer = httpx.get(f"{archive.url}/hanging-protocols", timeout=60)
        found = {one["00080018"]["Value"][0] for one in answer.json()}
        assert len(answered) > 100
        assert answered <= found
        for uid in sorted(answered)[:: len(answered) // 20]:
            got = httpx.get(f"{archive.url}/hanging-protocols/{uid}", headers={"accept": "application/dicom"})
            assert got.content == sent[uid]
        assert httpx.get(f"{archive.url}/instances").json() == []
        assert not list((archive.data_dir / "incoming").iterdir())
        assert not list((archive.data_dir / "intents").iterdir())
    report = verify(archive.data_dir)
    assert (report.instances, report.is_clean) == (len(found), True)


def _answered_until_killed(archive: ArchiveProcess, files: dict[str, bytes], successes: int) -> set[str]:
    """The UIDs of what was stored with 200 by four clients, while the archive is killed after so many successes."""
    answered: set[str] = set()
    reached = threading.Event()
    waiting = iter(files.items())
    turn = threading.Lock()

    def send() -> None:
        with httpx.Client(timeout=10) as client:
            while True:
                with turn:
                    uid, file = next(waiting, ("", b""))
                if not uid:
                    return
                try:
                    answer = client.post(f"{archive.url}/hanging-protocols", content=file, headers=_FILE)
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200
                answered.add(uid)
                if len(answered) >= successes:
                    reached.set()

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    assert reached.wait(30)
    archive.kill()
    for sender in senders:
        sender.join()
    return answered

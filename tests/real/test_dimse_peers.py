"""Each service of the DICOM network with each peer: dcmtk, pynetdicom's own programs, and Orthanc as the client."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs.archive.dimse.options import TlsFiles
from pacs.file_meta import read_meta
from tests.certificates import Authority
from tests.pacs.archive.samples import wheel_files
from tests.real.archive import ArchiveProcess
from tests.real.orthanc import Orthanc, orthanc
from tests.real.scanner import dcmtk
from tests.real.server import free_port
from tests.samples import Exam, Sample

OFFERS = {
    "1.2.840.10008.1.2": "i",
    "1.2.840.10008.1.2.1": "e",
    "1.2.840.10008.1.2.2": "b",
    "1.2.840.10008.1.2.1.99": "d",
    "1.2.840.10008.1.2.4.50": "y",
    "1.2.840.10008.1.2.4.51": "x",
    "1.2.840.10008.1.2.4.70": "s",
    "1.2.840.10008.1.2.4.80": "t",
    "1.2.840.10008.1.2.4.81": "u",
    "1.2.840.10008.1.2.4.90": "v",
    "1.2.840.10008.1.2.4.91": "w",
    "1.2.840.10008.1.2.5": "r",
}
"""Transfer syntaxes that dcmtk can propose, and the letter of its option."""


@dataclass(frozen=True)
class Site:
    """An archive, an Orthanc, and a port where a program can listen; all know each other."""

    archive: ArchiveProcess
    orthanc: Orthanc
    listener: int

    @property
    def port(self) -> str:
        """The archive's DICOM port."""
        return str(self.archive.dicom_port)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with orthanc(folder, DicomAet="ORTHANC") as running:
        listener = free_port()
        peers = f"ORTHANC=127.0.0.1:{running.dicom_port},MOVESCU=127.0.0.1:{listener}"
        with ArchiveProcess(folder, peers=peers) as archive:
            graph = {"AET": "DICOMGRAPH", "Host": "127.0.0.1", "Port": archive.dicom_port}
            assert httpx.put(f"{running.root}/modalities/graph", json=graph).status_code == 200
            yield Site(archive, running, listener)


@pytest.fixture
def image(tmp_path: Path) -> Sample:
    return Exam().image()


@pytest.fixture
def file(image: Sample, tmp_path: Path) -> str:
    path = tmp_path / "image.dcm"
    path.write_bytes(image.content)
    return str(path)


@pytest.fixture
def stored(site: Site, image: Sample, file: str) -> Sample:
    assert dcmtk("storescu", "127.0.0.1", site.port, file).returncode == 0
    return image


def pynetdicom(program: str, *arguments: str, folder: Path | None = None) -> str:
    """Runs one of pynetdicom's own programs; what it said."""
    command = [sys.executable, "-m", "pynetdicom", program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def study_keys(image: Sample) -> list[str]:
    return ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={image.study}"]


def uids(folder: Path) -> set[str]:
    """The instances of the DICOM files in a folder."""
    found = (pydicom.dcmread(path, force=True) for path in folder.iterdir() if path.suffix not in {".log", ".csv"})
    return {str(one.SOPInstanceUID) for one in found if "SOPInstanceUID" in one}


def received_dataset(path: Path) -> bytes:
    with path.open("rb") as opened:
        content = path.read_bytes()
        return content[read_meta(opened, len(content)).dataset_offset :]


@pytest.mark.cell("Verification", "dcmtk")
def test_verification_dcmtk(site: Site) -> None:
    assert dcmtk("echoscu", "127.0.0.1", site.port).returncode == 0


@pytest.mark.cell("Verification", "pynetdicom")
def test_verification_pynetdicom(site: Site) -> None:
    pynetdicom("echoscu", "127.0.0.1", site.port)


@pytest.mark.cell("Verification", "Orthanc")
def test_verification_orthanc(site: Site) -> None:
    assert httpx.post(f"{site.orthanc.root}/modalities/graph/echo", json={}).status_code == 200


@pytest.mark.cell("Store", "dcmtk")
def test_store_dcmtk(site: Site, stored: Sample) -> None:
    assert stored.instance in site.archive.instances()


@pytest.mark.cell("Store", "pynetdicom")
def test_store_pynetdicom(site: Site, image: Sample, file: str) -> None:
    pynetdicom("storescu", "127.0.0.1", site.port, file)

    assert image.instance in site.archive.instances()


@pytest.mark.cell("Store", "Orthanc")
def test_store_orthanc(site: Site, image: Sample) -> None:
    known = httpx.post(f"{site.orthanc.root}/instances", content=image.content).json()["ID"]

    answer = httpx.post(f"{site.orthanc.root}/modalities/graph/store", json=[known], timeout=60)

    assert answer.json()["FailedInstancesCount"] == 0, answer.text
    assert image.instance in site.archive.instances()


@pytest.mark.cell("Find", "dcmtk")
@pytest.mark.parametrize("model", ["-P", "-S"])
def test_find_dcmtk(site: Site, stored: Sample, model: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    asked = [model, "-X", "-od", str(found), *study_keys(stored), "-k", "PatientID"]

    assert dcmtk("findscu", *asked, "127.0.0.1", site.port).returncode == 0

    (answer,) = (pydicom.dcmread(path, force=True) for path in found.iterdir())
    assert answer.StudyInstanceUID == stored.study
    assert answer.PatientID


@pytest.mark.cell("Find", "pynetdicom")
def test_find_pynetdicom(site: Site, stored: Sample) -> None:
    said = pynetdicom("findscu", "-S", *study_keys(stored), "-k", "PatientID", "127.0.0.1", site.port, "-v")

    assert stored.study in said


@pytest.mark.cell("Find", "Orthanc")
@pytest.mark.cell("Move", "Orthanc")
def test_find_and_move_orthanc(site: Site, stored: Sample) -> None:
    root = site.orthanc.root
    wanted = {"Level": "Study", "Query": {"StudyInstanceUID": stored.study}}
    query = httpx.post(f"{root}/modalities/graph/query", json=wanted, timeout=60).json()["ID"]
    (answer,) = httpx.get(f"{root}/queries/{query}/answers").json()

    moved = httpx.post(f"{root}/queries/{query}/answers/{answer}/retrieve", content="ORTHANC", timeout=60)

    assert moved.status_code == 200, moved.text
    (study,) = httpx.post(
        f"{root}/tools/find", json={"Level": "Study", "Query": {"StudyInstanceUID": stored.study}}
    ).json()
    (instance,) = httpx.get(f"{root}/studies/{study}/instances").json()
    assert instance["MainDicomTags"]["SOPInstanceUID"] == stored.instance


@pytest.mark.cell("Get", "dcmtk")
@pytest.mark.parametrize("model", ["-P", "-S"])
def test_get_dcmtk(site: Site, stored: Sample, model: str, tmp_path: Path) -> None:
    got = tmp_path / "got"
    got.mkdir()

    result = dcmtk("getscu", model, "-od", str(got), *study_keys(stored), "127.0.0.1", site.port)

    assert result.returncode == 0, result.stderr
    assert uids(got) == {stored.instance}


@pytest.mark.cell("Get", "pynetdicom")
def test_get_pynetdicom(site: Site, stored: Sample, tmp_path: Path) -> None:
    got = tmp_path / "got"
    got.mkdir()

    pynetdicom("getscu", "-S", *study_keys(stored), "127.0.0.1", site.port, folder=got)

    assert uids(got) == {stored.instance}


@pytest.mark.cell("Move", "dcmtk")
def test_move_dcmtk(site: Site, stored: Sample, tmp_path: Path) -> None:
    """To itself, for `movescu` listens when it is told a port."""
    got = tmp_path / "got"
    got.mkdir()
    called = ["-aet", "MOVESCU", "-aem", "MOVESCU", "+P", str(site.listener), "-od", str(got), "-v"]

    result = dcmtk("movescu", "-S", *called, *study_keys(stored), "127.0.0.1", site.port)

    assert "Received Final Move Response (Success)" in result.stderr + result.stdout
    assert uids(got) == {stored.instance}


@pytest.mark.cell("Move", "dcmtk")
def test_move_to_nobody_dcmtk(site: Site, stored: Sample) -> None:
    result = dcmtk("movescu", "-v", "-S", "-aem", "NOBODY", *study_keys(stored), "127.0.0.1", site.port)

    assert "MoveDestinationUnknown" in result.stderr + result.stdout


@pytest.mark.cell("Move", "pynetdicom")
def test_move_pynetdicom(site: Site, stored: Sample) -> None:
    pynetdicom("movescu", "-S", "-aem", "ORTHANC", *study_keys(stored), "127.0.0.1", site.port)

    wanted = {"Level": "Instance", "Query": {"SOPInstanceUID": stored.instance}}
    assert len(httpx.post(f"{site.orthanc.root}/tools/find", json=wanted).json()) == 1


@pytest.mark.cell("Store", "dcmtk")
@pytest.mark.cell("Get", "dcmtk")
def test_every_file_of_the_wheel_goes_out_by_getscu_as_it_came_in_by_storescu(tmp_path: Path) -> None:
    came_back, refused, not_sent = 0, [], []
    with ArchiveProcess(tmp_path) as archive:
        for number, path in enumerate(wheel_files()):
            letter = OFFERS.get(_syntax(path))
            if letter is None:  # no Part 10 file, or a transfer syntax that dcmtk does not know
                not_sent.append(path.name)
                continue
            sent = dcmtk("storescu", "-v", f"-x{letter}", "-R", "127.0.0.1", str(archive.dicom_port), str(path))
            said = sent.stdout + sent.stderr
            files = archive.stored_files()
            if not files:
                assert _reason(said), said
                refused.append(f"{path.name}: {_reason(said)}")
                continue
            (stored,) = files
            if stored.parent.name == "color-palettes":  # of no patient: getscu has no model to ask for it with
                assert _content(stored) == _content(path), path
                archive.forget()
                continue
            got = tmp_path / f"got-{number}"
            got.mkdir()
            keys = ["-k", "QueryRetrieveLevel=IMAGE", "-k", f"SOPInstanceUID={stored.stem}"]
            result = dcmtk(
                "getscu", "-v", "-S", "+B", f"+x{letter}", "-od", str(got), *keys, "127.0.0.1", str(archive.dicom_port)
            )
            assert result.returncode == 0, (path, result.stderr)
            (received,) = got.iterdir()
            if letter in "bi":  # getscu proposes Explicit VR Little Endian with them, which is preferred
                with pydicom.config.disable_value_validation():
                    assert _content(received) == _content(stored), path
            else:
                assert received_dataset(received) == received_dataset(stored), path
            came_back += 1
            archive.forget()
    assert came_back >= 60
    print(f"{came_back} files came back; not for storescu: {not_sent}; refused:", *refused, sep="\n")


def _reason(said: str) -> str:
    """Why `storescu` stored nothing, by its own words or the archive's status."""
    lines = (line.strip() for line in said.splitlines())
    return next((line for line in lines if line.startswith(("E: ", "F: ")) or "Response (Error" in line), "")


def _content(path: Path) -> tuple[list[int], Dataset]:
    """The pixels as numbers, whatever their byte order, and the rest but for group lengths and padding."""
    found = pydicom.dcmread(path)
    pixels = found.pixel_array.ravel().tolist() if "PixelData" in found else []
    left_out = {"PixelData", "DataSetTrailingPadding"}
    return pixels, Dataset({one.tag: one for one in found if one.tag.element and one.keyword not in left_out})


def _syntax(path: Path) -> str:
    try:
        with pydicom.config.disable_value_validation():
            return str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    except Exception:  # whatever pydicom says of a broken file
        return ""


@pytest.mark.cell("Store", "dcmtk")
def test_storescu_stores_over_tls_with_its_certificate_and_not_without(
    tmp_path: Path, file: str, image: Sample
) -> None:
    authority = Authority(tmp_path)
    pem = authority.server_pem
    with ArchiveProcess(tmp_path, tls=TlsFiles(pem, pem, authority.ca_pem)) as archive:
        called = ["127.0.0.1", str(archive.dicom_port), file]
        trusted = ["+cf", str(authority.ca_pem)]

        assert dcmtk("storescu", *called).returncode != 0
        assert dcmtk("storescu", "+tla", *trusted, *called).returncode != 0
        assert archive.instances() == set()
        result = dcmtk("storescu", "+tls", str(pem), str(pem), *trusted, *called)
        assert result.returncode == 0, result.stderr
        assert archive.instances() == {image.instance}


def test_twenty_kills_while_storing_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    archive = ArchiveProcess(tmp_path)
    answered: set[str] = set()
    for round_ in range(20):
        folder = tmp_path / f"round-{round_}"
        folder.mkdir()
        exam = Exam()
        names = {}
        for number in range(60):
            sample = exam.image(TextValue="x" * 50_000)
            names[f"{number:03}.dcm"] = sample.instance
            (folder / f"{number:03}.dcm").write_bytes(sample.content)
        archive.start()
        answered |= _answered(_sent_until_killed(archive, folder, successes=3 + round_), names)
    with archive:
        found = archive.instances()
        assert len(answered) > 100
        assert answered <= found
        assert {path.stem for path in archive.stored_files()} == found
    assert not list((archive.data_dir / "incoming").iterdir())
    assert not list((archive.data_dir / "intents").iterdir())


def _sent_until_killed(archive: ArchiveProcess, folder: Path, successes: int) -> list[str]:
    """What `storescu -v` says, while the archive is killed after so many successes."""
    command = ["storescu", "-v", "+sd", "127.0.0.1", str(archive.dicom_port), str(folder)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as sending:
        assert sending.stdout is not None
        for line in sending.stdout:
            lines.append(line)
            if "Success" in line and sum("Success" in one for one in lines) == successes:
                archive.kill()
    return lines


def _answered(lines: list[str], names: dict[str, str]) -> set[str]:
    """The instances of the files that `storescu -v` says it got a success for."""
    answered, current = set(), ""
    for line in lines:
        if "Sending file:" in line:
            current = names[Path(line.split("Sending file:")[1].strip()).name]
        elif "Received Store Response (Success)" in line:
            answered.add(current)
    return answered

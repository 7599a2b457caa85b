"""Films that dcmtk's print tools send to a server as a person runs it."""

from pathlib import Path

import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from tests.real.scanner import dcmtk
from tests.real.server import ServerProcess, free_port

_CONFIGURATION = """
[[GENERAL]]
[PRINT]
Directory = {folder}
MinPrintResolution = 128\\128
MaxPrintResolution = 2048\\2048
[DATABASE]
Directory = {folder}
[LUT]
Directory = {folder}
[NETWORK]
aetitle = MODALITY
[[COMMUNICATION]]
[FILM]
Aetitle = DICOMGRAPH
Hostname = 127.0.0.1
Port = {port}
Type = PRINTER
DisplayFormat = 1,1\\2,2
FilmSizeID = 14INX17IN
FilmOrientation = PORTRAIT\\LANDSCAPE
MagnificationType = REPLICATE\\BILINEAR\\CUBIC\\NONE
MaxPDU = 32768
Supports12Bit = true
SupportsDecimateCrop = true
SupportsImageSize = true
SupportsPresentationLUT = true
SupportsTrim = true
"""


@pytest.mark.cell("Print", "dcmtk")
@pytest.mark.parametrize("whole_session", [False, True])
def test_dcmtk_prints_four_images_on_a_landscape_film(tmp_path: Path, whole_session: bool) -> None:
    port, spool = free_port(), tmp_path / "spool"
    spool.mkdir()
    configuration = spool / "dcmpstat.cfg"
    configuration.write_text(_CONFIGURATION.format(folder=spool, port=port))
    server = ServerProcess(tmp_path, DIMSE_PORT=str(port))
    server.start()
    try:
        images = [str(get_testdata_file("MR_small.dcm"))] * 4
        options = ("-c", str(configuration), "--printer", "FILM")
        made = dcmtk("dcmpsprt", *options, "--layout", "2", "2", "--landscape", "--trim", "--identity", *images)
        assert made.returncode == 0, made.stderr
        (job,) = spool.glob("SP_*.dcm")

        printed = dcmtk("dcmprscu", *options, *(["--session-print"] if whole_session else []), str(job))

        assert printed.returncode == 0, printed.stderr
        (pdf,) = (server.data_dir / "prints").iterdir()
        content = pdf.read_bytes()
        page = content[content.index(b"\xff\xd8") :]
        (tmp_path / "page.jpg").write_bytes(page)
        with Image.open(tmp_path / "page.jpg") as film:
            assert film.size == (17 * 300, 14 * 300)
            quarters = [film.convert("L").crop(box) for box in _quarters(*film.size)]
        assert all(len(set(quarter.tobytes())) > 20 for quarter in quarters), "each image box shows its image"
    finally:
        server.stop()


def _quarters(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The middle of each image box: within the trim, clear of the film's border."""
    boxes = [(x * width // 2, y * height // 2) for y in (0, 1) for x in (0, 1)]
    return [(x + width // 8, y + height // 8, x + 3 * width // 8, y + 3 * height // 8) for x, y in boxes]

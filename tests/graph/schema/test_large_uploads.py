"""Large files on their way to the embedded PACS: it takes them as they are, and what it must refuse it refuses."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

from graph.engine import spool_files
from pacs import stow
from pacs.client.answer import Answer
from pacs.dicomweb import DicomWeb
from pacs.stow import NewObject
from tests.graph.api import UPLOAD, Api
from tests.leftovers import leftovers
from tests.samples import Exam, Sample


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of objects whose bytes went to the PACS."""
    sizes: list[int] = []
    post = stow._post

    async def noted(web: DicomWeb, objects: Sequence[NewObject]) -> Answer:
        sizes.extend(one.size for one in objects)
        return await post(web, objects)

    monkeypatch.setattr(stow, "_post", noted)
    return sizes


def large(exam: Exam, **attributes: Any) -> Sample:
    return exam.image(**{"Rows": 4096, "Columns": 2049, "PixelData": os.urandom(4096) * 4098, **attributes})


async def test_large_files_are_not_sent_and_come_back_whole(api: Api, sent: list[int], tmp_path: Path) -> None:
    exam = Exam()
    images = [large(exam), large(exam), exam.image(), large(exam)]
    results = await api.upload(*(image.content for image in images))
    assert [result["error"] for result in results] == [None] * 4
    assert sorted(sent) == sorted(len(image.content) for image in images[2:])  # the small one is before the last
    assert [await api.retrieve_outcome(image) for image in images] == ["whole"] * 4
    assert leftovers(tmp_path) == []


async def test_a_large_object_is_the_same_again_and_no_other_takes_its_place(api: Api, sent: list[int]) -> None:
    exam = Exam()
    image = large(exam)
    changed = large(exam, SOPInstanceUID=image.instance, SeriesInstanceUID=image.series)
    outcomes = [await api.upload_outcome(one.content) for one in (image, image, changed)]
    assert outcomes == ["stored", "stored", "file: CONFLICT"]
    assert await api.retrieve_outcome(image) == "whole"
    assert sent == []


@pytest.mark.parametrize("rows", [4096, 600])
async def test_a_file_that_stands_at_four_places_is_stored(api: Api, rows: int) -> None:
    image = large(Exam(), Rows=rows, PixelData=os.urandom(rows) * 4098)
    operations = {"query": UPLOAD, "variables": {"files": [None] * 4}}
    form: dict[str, Any] = {
        "operations": (None, orjson.dumps(operations)),
        "map": (None, orjson.dumps({"0": [f"variables.files.{place}" for place in range(4)]})),
        "0": ("file.dcm", image.content),
    }
    headers = {"GraphQL-Require-Preflight": "1"}
    answer = (await api.http.post("/graphql", files=form, headers=headers)).json()
    assert [result["error"] for result in answer["data"]["uploadExams"]["results"]] == [None] * 4
    assert await api.retrieve_outcome(image) == "whole"


async def test_where_files_cannot_be_given_they_are_sent(
    api: Api, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_files, "_nameless", _never_to_be_named)
    image = large(Exam())
    assert await api.upload_outcome(image.content) == "stored"
    assert await api.retrieve_outcome(image) == "whole"
    assert sent == [len(image.content)]


def _never_to_be_named(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(buffering=0, dir=folder)

"""What the service says that it can do (PS3.18 §8.9): derived from its routes, and true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.serving import Archive, running
from tests.pacs.archive.test_wado import store

WADL = "{http://wadl.dev.java.net/2009/02}"
METHODS = {"GET", "POST", "PUT", "DELETE", "PATCH"}
SAMPLES = {
    "limit": "1",
    "offset": "0",
    "fuzzymatching": "false",
    "includefield": "all",
    "viewport": "64,64,0,0,-32,32",
    "window": "40,400,linear",
    "quality": "50",
    "annotation": "patient",
    "iccprofile": "srgb",
}


async def options(archive: Archive, path: str, accept: str | None = None) -> httpx.Response:
    headers = {"accept": accept} if accept else {}
    return await archive.client.request("OPTIONS", archive.url.removesuffix("/dicom-web") + path, headers=headers)


async def told(archive: Archive, path: str) -> Any:
    answer = await options(archive, path, "application/json")
    assert answer.status_code == 200, answer.text
    return answer.json()["application"]["resources"][0]


def methods(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path with each of its methods, in a tree of resources."""
    for method in node.get("method", []):
        yield path, method
    for child in node.get("resource", []):
        yield from methods(child, f"{path}/{child['path']}")


async def test_every_resource_answers_the_methods_that_it_claims_and_no_others(archive: Archive) -> None:
    url, read = await store(archive, "CT_small.dcm")
    names = {"study": read.StudyInstanceUID, "series": read.SeriesInstanceUID, "instance": read.SOPInstanceUID}
    names |= {"frame": "1", "frames": "1", "path": "7FE00010", "uid": "2.25.1", "ae_title": "AE", "requester": "AE"}
    found: dict[str, set[str]] = {}
    for path, method in methods(await told(archive, "/")):
        found.setdefault(path.format(**names), set()).add(method["name"])
    assert url.removeprefix(archive.url) in {path.removeprefix("/dicom-web") for path in found}
    assert len(found) > 40
    server = archive.url.removesuffix("/dicom-web")
    for path, claimed in found.items():
        allowed = {*claimed, "OPTIONS", *(["HEAD"] if "GET" in claimed else [])}
        assert (await options(archive, path)).headers["allow"] == ", ".join(sorted(allowed)), path
        for method in METHODS:
            answer = await archive.client.request(method, server + path)
            refused = answer.status_code == 405 or "allow_delete" in answer.text
            assert refused == (method not in claimed), (method, path, answer.text)
            if answer.status_code == 405:
                assert answer.headers["allow"] == ", ".join(sorted(allowed))


async def test_what_is_claimed_of_retrieving_and_searching_is_true(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    study = url.split("/series")[0]
    claimed = list(methods(await told(archive, f"/dicom-web{study}")))
    names = dict(zip(("series", "instance"), url.split("/")[4::2], strict=True))
    names |= {"frame": "1", "frames": "1", "path": "7FE00010", "study": study.split("/")[2]}
    assert len(claimed) > 15
    for path, method in claimed:
        if method["name"] != "GET":
            continue
        parameters = {one["name"]: one for one in method["request"][0]["param"]}
        accept = parameters.pop("Accept")
        query = {name: SAMPLES[name] for name in parameters if "thumbnail" not in path}
        answer = await archive.get("/" + path.format(**names).strip("/"), accept["default"], **query)
        assert str(answer.status_code) == method["response"][0]["status"], (path, answer.text)
        assert answer.headers["content-type"].startswith(accept["default"].split(";")[0]), path
        assert accept["default"] in {one["mediaType"] for one in method["response"][0]["representation"]}


async def test_deleting_is_told_of_only_where_it_is_allowed(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path, allow_delete=True)) as archive:
        claimed = {method["id"] for _, method in methods(await told(archive, "/dicom-web"))}
    assert {"DeleteStudy", "DeleteStudySeries", "DeleteColorPalette", "SearchStudies", "RetrieveStudy"} <= claimed


@pytest.mark.parametrize("path", ["/dicom-web", "/dicom-web/", "/dicom-web/studies/1.2/series", "/", "/wado"])
async def test_the_description_is_one_wadl_document_of_the_resource_and_those_below(
    archive: Archive, path: str
) -> None:
    answer = await options(archive, path)
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    (resources,) = ElementTree.fromstring(answer.content)
    assert resources.tag == f"{WADL}resources"
    base = archive.url.removesuffix("/dicom-web") + ("/dicom-web/" if path.startswith("/dicom-web") else "/")
    assert resources.get("base") == base
    ids = [(method.get("name"), method.get("id")) for method in resources.iter(f"{WADL}method")]
    as_json = [(method["name"], method["id"]) for _, method in methods(await told(archive, path))]
    assert ids == as_json
    assert len({id_ for _, id_ in ids}) == len(ids)
    if "series" in path:
        assert [resource.get("path") for resource in resources] == ["studies/{study}/series"]


async def test_capabilities_in_another_media_type_are_406(archive: Archive) -> None:
    assert (await options(archive, "/dicom-web", "text/html")).status_code == 406

"""Texts of clients that must not become headers, log lines, markup or parts of a query to the PACS."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graph.schema.pagination import Cursors
from tests.graph.api import Api
from tests.graph.viewer_links import browser, created, stored
from tests.real.server import ServerProcess
from tests.samples import Exam

MARK = "INJECTED"
TEXTS = [
    f"a\r\nX-{MARK}: 1",
    f"a\n{MARK}",
    f"a\x00{MARK}",
    f"\x1b[31m{MARK}",
    f'"><script>{MARK}</script>',
    f"%0d%0a{MARK}",
    f"\u2028{MARK}",
]


@pytest.mark.attack("a header within a header")
@pytest.mark.parametrize("text", TEXTS)
async def test_no_text_becomes_a_header(api: Api, text: str) -> None:
    exam = Exam()
    await stored(api, exam)
    answers = [
        await api.http.post("/graphql", json={"query": "{ me { subject } }", "operationName": text}),
        await api.http.get("/viewer", params={"token": text}),
        await api.http.get(f"/exams/studies/{exam.study}", params={"fileType": text}),
        await api.http.get("/exams/studies/1.2/series/1.2/instance/1.2", params={"fileType": text, "size": text}),
        await api.http.get("/nowhere/" + text.encode("unicode_escape").decode("ascii").replace("\\", "%5c")),
    ]
    for answer in answers:
        assert MARK not in str(answer.headers)
        assert answer.status_code < 500


@pytest.mark.attack("a request id that is no id")
@pytest.mark.parametrize(
    "value",
    [b"short", b"x" * 65, b"a b c d e f g", b'"quoted-id"', b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", b"{{7*7}}aaaa"],
)
async def test_only_a_plain_request_id_is_taken_over(api: Api, value: bytes) -> None:
    response = await api.http.get("/health/live", headers=[(b"X-Request-ID", value)])
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


@pytest.mark.attack("markup in the pages that people see")
async def test_pages_show_texts_as_texts(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    error = await api.error(
        "mutation ($i: CreateViewerTokenInput!) { createViewerToken(input: $i) { url } }",
        i={"studyInstanceUID": exam.study, "user": "a\r\nb"},
    )
    link = (await created(api, exam.study, user=f"<script>{MARK}</script>"))["url"]
    async with browser(app) as client:
        await client.get(link)
        page = await client.get(f"/viewer/studies/{exam.study}")
        lost = await client.get(f"/viewer?token=<script>{MARK}</script>")
    assert error["code"] == "BAD_USER_INPUT"
    assert f"<script>{MARK}" not in page.text + lost.text


@pytest.mark.attack("a query within a query to the PACS")
@pytest.mark.parametrize(
    "text",
    [
        "x&PatientID=*",
        "x%26PatientID=*",
        "x#",
        "*",
        "?",
        "x\\y",
        "x,y",
        "../../patients",
        "x;limit=1",
        "x%00",
        "x y/../z",
    ],
)
async def test_a_patient_id_stays_one_value(api: Api, text: str) -> None:
    await stored(api, Exam())
    for query in (
        "query ($p: String!) { studies(patientID: $p) { totalCount nodes { patientID } } }",
        "query ($p: String) { workitems(patientID: $p) { nodes { patientID } } }",
        "query ($p: String!) { studies(patientID: $p, accessionNumber: $p, modality: $p) { nodes { patientID } } }",
    ):
        answer = await api.answer(query, p=text)
        rows: list[Any] = [row for field in (answer.get("data") or {}).values() if field for row in field["nodes"]]
        assert rows == []
        assert all(error["extensions"]["code"] == "BAD_USER_INPUT" for error in answer.get("errors", []))


@pytest.mark.attack("a query within a query to the PACS: by a cursor")
@pytest.mark.parametrize(
    "moment", ["0&PatientID=*", "20300101000000", "\0", "2030010100000x.000000", "٢" * 14 + ".000000"]
)
async def test_a_cursor_holds_a_time_and_nothing_else(api: Api, moment: str) -> None:
    cursor = Cursors("workitem", (str, str)).encode((moment, "1.2"))
    error = await api.error("query ($a: String!) { workitems(after: $a) { nodes { patientID } } }", a=cursor)
    assert (error["code"], error["message"]) == ("BAD_USER_INPUT", "after is not a cursor of this list")


@pytest.mark.attack("lines of a client's own in the log, patient data, tokens")
async def test_the_log_has_one_line_an_event_and_nothing_of_clients_in_it(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, LOG_LEVEL="debug")
    server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url) as client:
            for text in TEXTS:
                query = "query q($p: String!) { studies(patientID: $p) { totalCount } }"
                await client.post("/graphql", json={"query": query, "operationName": text, "variables": {"p": text}})
                await client.post("/graphql", content=text.encode(), headers={"Content-Type": "application/json"})
                await client.post("/new-exam-callback", json={"StudyInstanceUID": "1.2", "PatientID": text, "X": text})
                await client.get("/viewer", params={"token": text})
                await client.get(
                    "/health/live", headers=[(b"X-Request-ID", MARK.encode() * 20), (b"User-Agent", MARK.encode())]
                )
                await client.get("/exams/studies/1.2?fileType=" + MARK)
    finally:
        server.stop()
    lines = server.log.read_text().splitlines()
    started = next(number for number, line in enumerate(lines) if line.startswith("{"))
    logged = [line for line in lines[started:] if not line.startswith("  ") and not line.startswith("dicom-graph")]
    assert len([json.loads(line) for line in logged]) > 20
    assert MARK not in "\n".join(lines)

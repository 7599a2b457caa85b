"""Live events: without gap, without repeat."""

import asyncio
import random
import time
from itertools import pairwise

import httpx
import orjson
import websockets

from tests.graph.api import Api, subscribe
from tests.pace import slowness
from tests.samples import Exam

NEW_EXAM = "subscription ($after: String) { newExam(after: $after) { cursor patientID studyInstanceUID } }"


def announcement(number: int, patient_id: str = "P", modality: str = "CT") -> dict[str, object]:
    return {"StudyInstanceUID": f"1.2.{number}", "PatientID": patient_id, "ModalitiesInStudy": [modality]}


async def post(api: Api, number: int, **fields: str) -> None:
    response = await api.http.post("/new-exam-callback", json=announcement(number, **fields))
    assert response.status_code == 204


async def test_an_event_reaches_a_subscriber_within_100_milliseconds(live: Api, base_url: str) -> None:
    delays = []
    async with subscribe(base_url, NEW_EXAM) as subscriber:
        await asyncio.sleep(0.1)
        for number in range(5):
            await post(live, number)
            posted = time.perf_counter()
            event = (await subscriber.next())["newExam"]
            delays.append(time.perf_counter() - posted)
            assert event["studyInstanceUID"] == f"1.2.{number}"

    assert sorted(delays)[2] < 0.1 * slowness()


async def test_subscribers_get_what_they_filter_for(live: Api, base_url: str) -> None:
    by_patient = 'subscription { newExam(patientID: "B") { studyInstanceUID } }'
    by_modality = 'subscription { newExam(modalities: ["MR", "US"]) { studyInstanceUID } }'
    async with subscribe(base_url, by_patient) as one, subscribe(base_url, by_modality) as other:
        await asyncio.sleep(0.1)
        await post(live, 1, patient_id="A", modality="CT")
        await post(live, 2, patient_id="b", modality="MR")
        await post(live, 3, patient_id="B", modality="CT")

        assert (await one.next())["newExam"]["studyInstanceUID"] == "1.2.3"
        assert (await other.next())["newExam"]["studyInstanceUID"] == "1.2.2"


async def test_after_replays_and_then_goes_on_live(live: Api, base_url: str) -> None:
    for number in range(3):
        await post(live, number)
    first = (await live.ask("{ examEvents(first: 1) { nodes { cursor } } }"))["examEvents"]["nodes"][0]["cursor"]

    async with subscribe(base_url, NEW_EXAM, after=first) as subscriber:
        replayed = [(await subscriber.next())["newExam"]["studyInstanceUID"] for _ in range(2)]
        await post(live, 3)
        live_one = (await subscriber.next())["newExam"]["studyInstanceUID"]

    assert [*replayed, live_one] == ["1.2.1", "1.2.2", "1.2.3"]


async def test_no_gap_and_no_repeat_while_clients_connect_drop_and_resume(live: Api, base_url: str) -> None:
    total, clients = 200, 5
    await post(live, 0)
    start = (await live.ask("{ examEvents(first: 1) { nodes { cursor } } }"))["examEvents"]["nodes"][0]["cursor"]

    async def follow(seed: int) -> list[str]:
        dice, after = random.Random(seed), start
        seen: list[str] = []
        while len(seen) < total:
            async with subscribe(base_url, NEW_EXAM, after=after) as subscriber:
                for _ in range(dice.randint(1, 60)):
                    event = (await subscriber.next())["newExam"]
                    seen.append(event["studyInstanceUID"])
                    after = event["cursor"]
                    if len(seen) == total:
                        break
        return seen

    async def produce() -> None:
        for batch in range(1, total + 1, 10):
            await asyncio.gather(*(post(live, number) for number in range(batch, batch + 10)))
            await asyncio.sleep(0.01)

    *followed, _ = await asyncio.gather(*(follow(seed) for seed in range(clients)), produce())

    stored = (await live.ask("{ examEvents(first: 1000) { nodes { studyInstanceUID } } }"))["examEvents"]["nodes"]
    expected = [event["studyInstanceUID"] for event in stored[1:]]
    assert len(set(expected)) == total
    assert followed == [expected] * clients


async def test_events_are_paged_oldest_first(api: Api) -> None:
    for number in range(5):
        await post(api, number)
    query = """query ($after: String) { examEvents(first: 2, after: $after) {
        nodes { receivedAt studyInstanceUID } pageInfo { hasNextPage endCursor } } }"""

    seen: list[dict[str, str]] = []
    after, more = None, True
    while more:
        page = (await api.ask(query, after=after))["examEvents"]
        seen += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert [event["studyInstanceUID"] for event in seen] == [f"1.2.{number}" for number in range(5)]
    assert all(one["receivedAt"] <= other["receivedAt"] for one, other in pairwise(seen))


async def test_a_cursor_of_another_store_is_expired(api: Api) -> None:
    await post(api, 1)

    error = await api.error('{ examEvents(after: "WyJldmVudCIsOTldMF0") { nodes { cursor } } }')
    assert error["code"] == "BAD_USER_INPUT"
    error = await api.error('{ examEvents(after: "WyJldmVudCIsOTld") { nodes { cursor } } }')
    assert error["code"] == "CURSOR_EXPIRED"


async def test_the_announced_study_is_read_from_the_pacs(api: Api) -> None:
    exam = Exam(attributes={"StudyID": "S1"})
    await api.upload(exam.image().content)
    body = {"StudyInstanceUID": exam.study, "PatientID": exam.patient_id}
    await api.http.post("/new-exam-callback", json=body)

    data = await api.ask("{ examEvents { nodes { study { studyID series { modality } } } } }")

    assert data["examEvents"]["nodes"][0]["study"] == {"studyID": "S1", "series": [{"modality": "CT"}]}


async def test_each_event_reads_its_study_anew(live: Api, base_url: str) -> None:
    exam = Exam()
    first = exam.image()
    body = {"StudyInstanceUID": exam.study, "PatientID": exam.patient_id}
    query = "subscription { newExam { study { series { instances { sopInstanceUID } } } } }"
    counts = []
    async with subscribe(base_url, query) as subscriber:
        for number, image in enumerate((first, exam.image(first.series))):
            await live.upload(image.content)
            await live.http.post("/new-exam-callback", json=body | {"NumberOfStudyRelatedInstances": number + 1})
            (series,) = (await subscriber.next())["newExam"]["study"]["series"]
            counts.append(len(series["instances"]))

    assert counts == [1, 2]


async def test_messages_over_the_socket_are_text_and_the_legacy_protocol_is_refused(base_url: str) -> None:
    url = base_url.replace("http", "ws") + "/graphql"
    try:
        async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-ws")]) as socket:
            await socket.recv()
            raise AssertionError("the legacy protocol was spoken")
    except (websockets.InvalidHandshake, websockets.ConnectionClosed):
        pass
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send('{"type":"connection_init"}')
        message = await socket.recv()
    assert isinstance(message, str)
    assert orjson.loads(message) == {"type": "connection_ack"}


async def test_health_names_each_part(api: Api) -> None:
    assert (await api.http.get("/health/live")).json() == {"status": "live"}
    ready = await api.http.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "store": "ok", "pacs": "ok"})
    assert isinstance(ready, httpx.Response)

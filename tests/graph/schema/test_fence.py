"""The patient's fence: whatever an ID looks like, it shows exactly its own exams."""

import pytest

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.samples import Exam

QUERY = """query ($p: String!) { studies(patientID: $p) { nodes {
  studyInstanceUID patientID series { instances { sopInstanceUID } } } } }"""


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ("abc", ["ABC", "Abc", "abcd", "ab"]),
        ("a,b", ["a", "b", "a b"]),
        ("a*", ["ab", "a", "a**"]),
        ("a?c", ["abc", "a*c"]),
        ("a b", ["ab", "a_b", "a+b"]),
        ("Doe^Jane", ["Doe", "Doe^J"]),
        ("50%25", ["50%", "50"]),
        ("a+b", ["a b", "a%2Bb"]),
        ("#1", ["1", "2"]),
        ("a&b=c", ["a", "b=c"]),
        ("a/b", ["a", "a/"]),
        ("a\\b", ["a", "b", "ab"]),  # two values, which no PatientID should have
        ("a\"b'c;d", ["abcd"]),
        ("Ünï", ["Uni", "ünï"]),
        ("日本", ["日", "本"]),
        ("*", ["anything", "**"]),
    ],
)
async def test_each_patient_sees_exactly_their_own(api: Api, own: str, others: list[str]) -> None:
    mark = new_uid()[-8:]  # other tests use the same PACS
    exams = {patient: Exam(mark + patient) for patient in [own, *others]}
    images = {patient: exam.image(SpecificCharacterSet="ISO_IR 192") for patient, exam in exams.items()}
    results = await api.upload(*(image.content for image in images.values()))
    assert [result["error"] for result in results] == [None] * len(results)

    for patient, exam in exams.items():
        nodes = (await api.ask(QUERY, p=mark + patient))["studies"]["nodes"]

        assert nodes == [
            {
                "studyInstanceUID": exam.study,
                "patientID": mark + patient,
                "series": [{"instances": [{"sopInstanceUID": images[patient].instance}]}],
            }
        ]


@pytest.mark.parametrize("patient", ["", " ", "x" * 65, "a\nb", "a\x00b"])
async def test_an_id_that_nobody_can_have_is_refused(api: Api, patient: str) -> None:
    assert (await api.error(QUERY, p=patient))["code"] == "BAD_USER_INPUT"


async def test_events_are_only_those_of_the_very_same_patient(api: Api) -> None:
    patients = ["a", "A", "a\\b", "a,b", "*", "a\N{IDEOGRAPHIC SPACE}"]
    for number, patient in enumerate(patients):
        announced = {"StudyInstanceUID": f"1.2.{number}", "PatientID": patient}
        (await api.http.post("/new-exam-callback", json=announced)).raise_for_status()
    events = "query ($p: String!) { examEvents(patientID: $p) { nodes { patientID } } }"
    for patient in patients[:-1]:
        assert (await api.ask(events, p=patient))["examEvents"]["nodes"] == [{"patientID": patient}]


@pytest.mark.parametrize("patient", ["", " ", "x" * 65, "a\nb"])
async def test_events_of_an_id_that_nobody_can_have_are_refused(api: Api, patient: str) -> None:
    error = await api.error("query ($p: String!) { examEvents(patientID: $p) { nodes { cursor } } }", p=patient)
    assert error["code"] == "BAD_USER_INPUT"

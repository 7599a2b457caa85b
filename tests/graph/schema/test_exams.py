"""Uploading exams, and browsing them from study to instance."""

import pytest

from graph.schema.exam_uploads import UploadErrorCode
from tests.graph.api import Api
from tests.samples import Exam, file

STUDIES = """query ($patientID: String!, $first: Int! = 50, $after: String) {
  studies(patientID: $patientID, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { studyInstanceUID } } nodes { studyInstanceUID studyDate } } }"""
TREE = """query ($patientID: String!) { studies(patientID: $patientID) { nodes {
  studyInstanceUID series { seriesInstanceUID seriesNumber modality
    instances { sopInstanceUID instanceNumber rows columns bitsAllocated sopClassName } } } } }"""


async def test_an_uploaded_ct_is_found_from_study_to_instance(api: Api) -> None:
    exam = Exam(attributes={"StudyDescription": "Head", "PatientName": "Müller^Jörg"})
    image = exam.image(InstanceNumber=7)

    (result,) = await api.upload(image.content)

    assert result["error"] is None
    assert result["instance"]["sopInstanceUID"] == image.instance
    data = await api.ask(
        """query ($patientID: String!, $study: UID!) { study(patientID: $patientID, studyInstanceUID: $study) {
            patientID patientName { alphabetic familyName givenName } studyDate studyDescription modalitiesInStudy
            numberOfStudyRelatedSeries numberOfStudyRelatedInstances
            series { modality instances { instanceNumber rows columns bitsAllocated sopClassName dicom } } } }""",
        patientID=exam.patient_id,
        study=exam.study,
    )
    study = data["study"]
    assert study["patientID"] == exam.patient_id
    assert study["patientName"] == {"alphabetic": "Müller^Jörg", "familyName": "Müller", "givenName": "Jörg"}
    assert study["studyDate"] == "2004-01-19"
    assert study["studyDescription"] == "Head"
    assert study["modalitiesInStudy"] == ["CT"]
    assert (study["numberOfStudyRelatedSeries"], study["numberOfStudyRelatedInstances"]) == (1, 1)
    (instance,) = study["series"][0]["instances"]
    assert instance["dicom"]["00080018"]["Value"] == [image.instance]
    assert {key: instance[key] for key in ("instanceNumber", "rows", "columns", "bitsAllocated", "sopClassName")} == {
        "instanceNumber": 7,
        "rows": 16,
        "columns": 16,
        "bitsAllocated": 16,
        "sopClassName": "CT Image Storage",
    }


async def test_studies_come_newest_first_in_pages(api: Api) -> None:
    patient = Exam().patient_id
    days = ["20200101", "20240229", "20230515", "20240301", ""]
    exams = {day: Exam(patient) for day in days}
    await api.upload(*(exam.image(StudyDate=day).content for day, exam in exams.items()))

    seen: list[str] = []
    after = None
    while True:
        page = (await api.ask(STUDIES, patientID=patient, first=2, after=after))["studies"]
        assert page["totalCount"] == 5
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += [node["studyInstanceUID"] for node in page["nodes"]]
        assert [edge["node"]["studyInstanceUID"] for edge in page["edges"]] == seen[-len(page["nodes"]) :]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == [exams[day].study for day in sorted(days, reverse=True)]


async def test_a_page_stays_right_when_a_newer_study_arrives(api: Api) -> None:
    patient = Exam().patient_id
    older, newer, newest = (Exam(patient) for _ in range(3))
    await api.upload(older.image(StudyDate="20200101").content, newer.image(StudyDate="20210101").content)
    first = (await api.ask(STUDIES, patientID=patient, first=1))["studies"]

    await api.upload(newest.image(StudyDate="20220101").content)
    second = (await api.ask(STUDIES, patientID=patient, first=1, after=first["pageInfo"]["endCursor"]))["studies"]

    assert first["nodes"][0]["studyInstanceUID"] == newer.study
    assert second["nodes"][0]["studyInstanceUID"] == older.study


async def test_series_and_instances_come_in_the_order_of_their_numbers(api: Api) -> None:
    exam = Exam()
    images = []
    for number in (10, 2, 1):
        series = exam.image(SeriesNumber=number).series
        images += [exam.image(series, SeriesNumber=number, InstanceNumber=n) for n in (11, 3)]
    await api.upload(*(image.content for image in images))

    (study,) = (await api.ask(TREE, patientID=exam.patient_id))["studies"]["nodes"]

    assert [series["seriesNumber"] for series in study["series"]] == [1, 2, 10]
    assert all([one["instanceNumber"] for one in series["instances"]] == [3, 11] for series in study["series"])


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('modality: "CT"', True),
        ('modality: "MR"', False),
        ('studyDate: {from: "2004-01-19", to: "20040119"}', True),
        ('studyDate: {from: "2004-01-20"}', False),
        ('studyDate: {to: "2004-01-18"}', False),
        ("studyDate: {}", True),
        ('accessionNumber: "A 1,2"', True),
        ('accessionNumber: "a 1,2"', False),
        ('studyDescription: "Head*"', True),
        ('studyDescription: "Foot*"', False),
    ],
)
async def test_studies_are_filtered(api: Api, condition: str, matches: bool) -> None:
    exam = Exam(attributes={"AccessionNumber": "A 1,2", "StudyDescription": "Head & neck"})
    await api.upload(exam.image().content)

    data = await api.ask(f'{{ studies(patientID: "{exam.patient_id}", {condition}) {{ totalCount }} }}')

    assert data["studies"]["totalCount"] == (1 if matches else 0)


async def test_the_root_fields_reach_every_level(api: Api) -> None:
    exam = Exam()
    image = exam.image()
    await api.upload(image.content)

    data = await api.ask(
        """query ($p: String!, $st: UID!, $se: UID!, $so: UID!) {
            series(patientID: $p, studyInstanceUID: $st) { seriesInstanceUID }
            instances(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se) { sopInstanceUID }
            instance(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se, sopInstanceUID: $so) { rows }
            elsewhere: instance(
                patientID: $p, studyInstanceUID: "1.2.3", seriesInstanceUID: $se, sopInstanceUID: $so) { rows }
        }""",
        p=exam.patient_id,
        st=image.study,
        se=image.series,
        so=image.instance,
    )

    assert data == {
        "series": [{"seriesInstanceUID": image.series}],
        "instances": [{"sopInstanceUID": image.instance}],
        "instance": {"rows": 16},
        "elsewhere": None,
    }


async def test_another_patient_sees_nothing_of_it(api: Api) -> None:
    exam = Exam()
    image = exam.image()
    await api.upload(image.content)

    data = await api.ask(
        """query ($p: String!, $st: UID!, $se: UID!, $so: UID!) {
            studies(patientID: $p) { totalCount } study(patientID: $p, studyInstanceUID: $st) { studyInstanceUID }
            series(patientID: $p, studyInstanceUID: $st) { seriesInstanceUID }
            instances(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se) { sopInstanceUID }
            instance(patientID: $p, studyInstanceUID: $st, seriesInstanceUID: $se, sopInstanceUID: $so) { rows }
        }""",
        p=exam.patient_id + "X",
        st=image.study,
        se=image.series,
        so=image.instance,
    )

    assert data == {"studies": {"totalCount": 0}, "study": None, "series": [], "instances": [], "instance": None}


async def test_fragments_aliases_and_variables_select_what_they_name(api: Api) -> None:
    exam = Exam(attributes={"StudyDescription": "Neck"})
    await api.upload(exam.image(SeriesDescription="Axial", BodyPartExamined="NECK").content)

    data = await api.ask(
        """query ($p: String!) { studies(patientID: $p) { edges { node { ...s } } } }
        fragment s on Study { text: studyDescription
            series { ... on Series { seriesDescription bodyPartExamined } } }""",
        p=exam.patient_id,
    )

    node = data["studies"]["edges"][0]["node"]
    assert node == {"text": "Neck", "series": [{"seriesDescription": "Axial", "bodyPartExamined": "NECK"}]}


async def test_each_file_of_an_upload_stands_alone(api: Api) -> None:
    good, other = Exam().image(), Exam().image()
    changed = Exam(other.patient_id, other.study).image(other.series, SOPInstanceUID=other.instance, WindowCenter=77)

    results = await api.upload(other.content, good.content, b"no DICOM", good.content[:-10], b"", changed.content)

    codes = [result["error"] and result["error"]["code"] for result in results]
    stored = [result["instance"] and result["instance"]["sopInstanceUID"] for result in results]
    assert codes[1:5] == [None, "NOT_DICOM", "INVALID_DICOM", "NOT_DICOM"]
    assert sorted([str(codes[0]), str(codes[5])]) == ["CONFLICT", "None"]
    assert stored[1] == good.instance
    assert all(bool(uid) is not bool(code) for uid, code in zip(stored, codes, strict=True))


async def test_the_same_file_again_is_success(api: Api) -> None:
    image = Exam().image()

    results = [*await api.upload(image.content), *await api.upload(image.content)]

    assert [result["instance"]["sopInstanceUID"] for result in results] == [image.instance] * 2


async def test_a_report_is_stored_like_an_image(api: Api) -> None:
    (result,) = await api.upload(file("reportsi.dcm"))

    assert result["error"] is None


@pytest.mark.parametrize(
    ("query", "code", "hint"),
    [
        ('{ studies(patientID: "") { totalCount } }', "BAD_USER_INPUT", "patientID"),
        ('{ studies(patientID: "P", first: 0) { totalCount } }', "BAD_USER_INPUT", "first"),
        ('{ studies(patientID: "P", after: "x") { totalCount } }', "BAD_USER_INPUT", "after"),
        (
            '{ studies(patientID: "P", studyDate: {from: "2020-02-01", to: "2020-01-01"}) { totalCount } }',
            "BAD_USER_INPUT",
            "range",
        ),
        ('{ study(patientID: "P", studyInstanceUID: "../x") { studyID } }', "GRAPHQL_VALIDATION_FAILED", "UID"),
        ("{ examEvents(first: 1001) { nodes { cursor } } }", "BAD_USER_INPUT", "first"),
        ('{ examEvents(patientID: " ") { nodes { cursor } } }', "BAD_USER_INPUT", "patientID"),
        ("mutation { generateUIDs(count: 0) { uids } }", "BAD_USER_INPUT", "count"),
        ("{ studies { totalCount } }", "GRAPHQL_VALIDATION_FAILED", "patientID"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED", "nothing"),
        ("{ studies(", "GRAPHQL_PARSE_FAILED", ""),
    ],
)
async def test_bad_input_is_named(api: Api, query: str, code: str, hint: str) -> None:
    error = await api.error(query)

    assert error["code"] == code
    assert hint in error["message"]


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"study": "../x"}, "UID"),
        ({"study": "1." * 40}, "UID"),
        ({"study": 12}, "UID"),
        ({"study": "1.2", "date": {"from": "2020"}}, "date"),
        ({"study": "1.2", "date": {"from": "20200230"}}, "date"),
    ],
)
async def test_bad_variables_are_named_but_not_repeated(api: Api, variables: dict[str, object], hint: str) -> None:
    query = """query ($study: UID!, $date: DateRange) {
        study(patientID: "P", studyInstanceUID: $study) { studyID }
        studies(patientID: "P", studyDate: $date) { totalCount } }"""

    error = await api.error(query, **variables)

    assert (error["code"], error["status"]) == ("BAD_USER_INPUT", 400)
    assert hint in error["message"]
    assert "../x" not in error["message"]


def test_upload_error_codes_are_the_contracts() -> None:
    assert [code.value for code in UploadErrorCode] == [
        "NOT_DICOM",
        "INVALID_DICOM",
        "CONFLICT",
        "TOO_LARGE",
        "REFUSED_BY_PACS",
    ]


async def test_generated_uids_differ_and_are_uids(api: Api) -> None:
    uids = (await api.ask("mutation { generateUIDs(count: 100) { uids } }"))["generateUIDs"]["uids"]

    assert len(set(uids)) == 100
    assert all(uid.startswith("2.25.") for uid in uids)


async def test_me_without_authentication_is_the_local_administrator(api: Api) -> None:
    assert (await api.ask("{ me { subject role patientID } }"))["me"] == {
        "subject": "local",
        "role": "ADMIN",
        "patientID": None,
    }

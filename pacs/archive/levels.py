"""The levels of the information model, and which attribute belongs to which (PS3.3 §7, PS3.18 §10.6).

An attribute of the patient or the study is the same in all instances of the study; likewise for a series. Everything
else is the instance's. `COLUMNS` are the keys that the index finds without looking at datasets.
"""

from dataclasses import dataclass
from enum import IntEnum

from pacs.attributes import JSONDataset, tag


class Level(IntEnum):
    """From the outermost to the innermost."""

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


def _tags(keywords: str) -> frozenset[str]:
    return frozenset(map(tag, keywords.split()))


STUDY_TAGS = _tags("""
    PatientName PatientID IssuerOfPatientID TypeOfPatientID IssuerOfPatientIDQualifiersSequence PatientBirthDate
    PatientBirthTime PatientSex OtherPatientIDs OtherPatientNames OtherPatientIDsSequence PatientAge PatientSize
    PatientWeight PatientAddress PatientMotherBirthName PatientBirthName EthnicGroup PatientComments Occupation
    MedicalAlerts Allergies PregnancyStatus AdditionalPatientHistory SmokingStatus LastMenstrualDate PatientState
    PatientReligiousPreference PatientTelephoneNumbers CountryOfResidence RegionOfResidence MilitaryRank
    BranchOfService SpecialNeeds ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization
    PatientSpeciesDescription PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence
    BreedRegistrationSequence PatientSexNeutered PatientIdentityRemoved DeidentificationMethod
    DeidentificationMethodCodeSequence ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName
    ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID ClinicalTrialSubjectReadingID
    ClinicalTrialTimePointID ClinicalTrialTimePointDescription QualityControlSubject
    StudyInstanceUID StudyDate StudyTime StudyID AccessionNumber IssuerOfAccessionNumberSequence StudyDescription
    ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName PhysiciansOfRecord
    PhysiciansOfRecordIdentificationSequence NameOfPhysiciansReadingStudy
    PhysiciansReadingStudyIdentificationSequence RequestingPhysician RequestingService
    RequestingServiceCodeSequence ReferencedStudySequence ProcedureCodeSequence
    ReasonForPerformedProcedureCodeSequence AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence AdmissionID
    IssuerOfAdmissionIDSequence ServiceEpisodeID ServiceEpisodeDescription CurrentPatientLocation
""")

SERIES_TAGS = _tags("""
    Modality SeriesInstanceUID SeriesNumber SeriesDate SeriesTime SeriesDescription SeriesDescriptionCodeSequence
    Laterality BodyPartExamined PatientPosition ProtocolName PerformingPhysicianName
    PerformingPhysicianIdentificationSequence OperatorsName OperatorIdentificationSequence
    ReferencedPerformedProcedureStepSequence RelatedSeriesSequence SmallestPixelValueInSeries
    LargestPixelValueInSeries RequestAttributesSequence PerformedProcedureStepID PerformedProcedureStepStartDate
    PerformedProcedureStepStartTime PerformedProcedureStepEndDate PerformedProcedureStepEndTime
    PerformedProcedureStepDescription PerformedProtocolCodeSequence CommentsOnThePerformedProcedureStep
    Manufacturer ManufacturerModelName InstitutionName InstitutionAddress InstitutionalDepartmentName
    InstitutionCodeSequence StationName DeviceSerialNumber DeviceUID SoftwareVersions FrameOfReferenceUID
    PositionReferenceIndicator ClinicalTrialSeriesID ClinicalTrialSeriesDescription
""")

COUNTED_TAGS = {
    Level.STUDY: _tags(
        "ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances InstanceAvailability"
        " StudyUpdateDateTime"
    ),
    Level.SERIES: _tags("NumberOfSeriesRelatedInstances"),
    Level.INSTANCE: frozenset[str](),
}
"""What the archive computes; never taken from a dataset."""

DEFAULT_TAGS = {
    Level.STUDY: _tags("""
        SpecificCharacterSet StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy
        ReferringPhysicianName TimezoneOffsetFromUTC PatientName PatientID PatientBirthDate PatientSex
        StudyInstanceUID StudyID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
    """),
    Level.SERIES: _tags("""
        SpecificCharacterSet Modality TimezoneOffsetFromUTC SeriesDescription StudyInstanceUID SeriesInstanceUID
        SeriesNumber NumberOfSeriesRelatedInstances PerformedProcedureStepStartDate PerformedProcedureStepStartTime
        RequestAttributesSequence
    """),
    Level.INSTANCE: _tags("""
        SpecificCharacterSet SOPClassUID SOPInstanceUID TimezoneOffsetFromUTC StudyInstanceUID SeriesInstanceUID
        InstanceNumber NumberOfFrames Rows Columns BitsAllocated
    """),
}
"""What a search returns unasked (PS3.18 tables 10.6.3-3 to -5)."""


@dataclass(frozen=True, slots=True)
class Column:
    """An indexed attribute: its column, and the level of the table that has it."""

    level: Level
    keyword: str
    name: str

    @property
    def sql(self) -> str:
        """The column with its table."""
        return f"{TABLES[self.level]}.{self.name}"


TABLES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}

_COLUMNS = [
    Column(Level.STUDY, "StudyInstanceUID", "study_instance_uid"),
    Column(Level.STUDY, "PatientID", "patient_id"),
    Column(Level.STUDY, "PatientBirthDate", "patient_birth_date"),
    Column(Level.STUDY, "StudyDate", "study_date"),
    Column(Level.STUDY, "StudyTime", "study_time"),
    Column(Level.STUDY, "AccessionNumber", "accession_number"),
    Column(Level.STUDY, "StudyID", "study_id"),
    Column(Level.STUDY, "StudyDescription", "study_description"),
    Column(Level.SERIES, "SeriesInstanceUID", "series_instance_uid"),
    Column(Level.SERIES, "Modality", "modality"),
    Column(Level.SERIES, "SeriesNumber", "series_number"),
    Column(Level.SERIES, "PerformedProcedureStepStartDate", "performed_start_date"),
    Column(Level.SERIES, "PerformedProcedureStepStartTime", "performed_start_time"),
    Column(Level.INSTANCE, "SOPInstanceUID", "sop_instance_uid"),
    Column(Level.INSTANCE, "SOPClassUID", "sop_class_uid"),
    Column(Level.INSTANCE, "InstanceNumber", "instance_number"),
]
COLUMNS = {(tag(column.keyword),): column for column in _COLUMNS}
"""Indexed attributes by path."""

NAME_TAGS = _tags("PatientName ReferringPhysicianName")
"""Names of the study level, indexed in all their representations."""

REQUEST_PATHS = {
    (tag("RequestAttributesSequence"), tag("ScheduledProcedureStepID")): "step_id",
    (tag("RequestAttributesSequence"), tag("RequestedProcedureID")): "procedure_id",
}
"""The keys of PS3.18 table 10.6.1-5 that lie in a sequence of the series, and their columns."""


def level_of(attribute: str) -> Level:
    """The level that an attribute of a dataset belongs to."""
    if attribute in STUDY_TAGS or attribute in COUNTED_TAGS[Level.STUDY]:
        return Level.STUDY
    if attribute in SERIES_TAGS or attribute in COUNTED_TAGS[Level.SERIES]:
        return Level.SERIES
    return Level.INSTANCE


def part_of(dataset: JSONDataset, tags: frozenset[str]) -> JSONDataset:
    """The attributes of a dataset that are among `tags`."""
    return {name: attribute for name, attribute in dataset.items() if name in tags}

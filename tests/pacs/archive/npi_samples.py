"""Objects that belong to no patient, made by their IODs (PS3.3 §A.44, A.61, A.62, A.63, A.82, A.88)."""

from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ColorPaletteStorage,
    CTDefinedProcedureProtocolStorage,
    ExplicitVRLittleEndian,
    GenericImplantTemplateStorage,
    HangingProtocolStorage,
    ImplantAssemblyTemplateStorage,
    ImplantTemplateGroupStorage,
    InventoryStorage,
    ProtocolApprovalStorage,
)

from tests.pacs.archive.samples import encode

CHEST = {"CodeValue": "43799004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Chest"}
HIP = {"CodeValue": "24136001", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Hip joint"}
TITANIUM = {"CodeValue": "261249004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Titanium"}


def item(attributes: dict[str, Any]) -> Dataset:
    """An item of a sequence, of keywords and values; a list of dictionaries is a sequence."""
    made = Dataset()
    for keyword, value in attributes.items():
        is_sequence = isinstance(value, list) and all(isinstance(one, dict) for one in value)
        setattr(made, keyword, [item(one) for one in value] if is_sequence else value)
    return made


def npi(attributes: dict[str, Any]) -> bytes:
    """An object as a Part 10 file."""
    made = item(attributes)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return encode(made)


def _kind(sop_class_uid: str, uid: str, given: dict[str, Any]) -> Callable[..., bytes]:
    """Makes objects of a class: with what is given, or with other values for the keywords it is called with."""

    def made(**attributes: Any) -> bytes:
        return npi({"SOPClassUID": sop_class_uid, "SOPInstanceUID": uid, **given, **attributes})

    return made


_RAMP = bytes(value for gray in range(256) for value in (gray, gray))

color_palette = _kind(
    ColorPaletteStorage,
    "1.2.5.1",
    {
        "ContentLabel": "GRAYS",
        "ContentDescription": "256 grays",
        "ContentCreatorName": "Rossi^Maria",
        **{f"{color}PaletteColorLookupTableDescriptor": [256, 0, 16] for color in ("Red", "Green", "Blue")},
        **{f"{color}PaletteColorLookupTableData": _RAMP for color in ("Red", "Green", "Blue")},
        "ICCProfile": b"\0" * 3144,
    },
)
"""A palette of 256 grays, with a profile longer than what DICOM JSON has inline."""

hanging_protocol = _kind(
    HangingProtocolStorage,
    "1.2.5.2",
    {
        "HangingProtocolName": "CHEST2",
        "HangingProtocolDescription": "Chest, two views",
        "HangingProtocolLevel": "SITE",
        "HangingProtocolCreator": "Radiology",
        "HangingProtocolCreationDateTime": "20260131101500",
        "HangingProtocolDefinitionSequence": [
            {
                "Modality": "CR",
                "AnatomicRegionSequence": [CHEST],
                "Laterality": "",
                "ProcedureCodeSequence": [],
                "ReasonForRequestedProcedureCodeSequence": [],
            },
            {
                "Modality": "DX",
                "AnatomicRegionSequence": [HIP],
                "Laterality": "L",
                "ProcedureCodeSequence": [],
                "ReasonForRequestedProcedureCodeSequence": [],
            },
        ],
        "NumberOfPriorsReferenced": 1,
        "ImageSetsSequence": [
            {
                "ImageSetSelectorSequence": [
                    {
                        "ImageSetSelectorUsageFlag": "NO_MATCH",
                        "SelectorAttribute": 0x00180015,
                        "SelectorAttributeVR": "CS",
                        "SelectorCSValue": "CHEST",
                        "SelectorValueNumber": 1,
                    }
                ],
                "TimeBasedImageSetsSequence": [
                    {"ImageSetNumber": 1, "ImageSetSelectorCategory": "RELATIVE_TIME", "ImageSetLabel": "Now"}
                ],
            }
        ],
        "HangingProtocolUserIdentificationCodeSequence": [],
        "HangingProtocolUserGroupName": "Chest team",
        "NumberOfScreens": 2,
        "NominalScreenDefinitionSequence": [],
        "DisplaySetsSequence": [
            {
                "DisplaySetNumber": 1,
                "DisplaySetPresentationGroup": 1,
                "ImageSetNumber": 1,
                "ImageBoxesSequence": [
                    {
                        "ImageBoxNumber": 1,
                        "DisplayEnvironmentSpatialPosition": [0, 1, 0.5, 0],
                        "ImageBoxLayoutType": "SINGLE",
                    }
                ],
                "FilterOperationsSequence": [],
                "SortingOperationsSequence": [],
            }
        ],
        "PartialDataDisplayHandling": "",
    },
)
"""Two views of a chest beside each other."""

procedure_protocol = _kind(
    CTDefinedProcedureProtocolStorage,
    "1.2.5.3",
    {
        "InstanceCreationDate": "20260131",
        "InstanceCreationTime": "101500",
        "ContentCreatorName": "Rossi^Maria",
        "ProtocolName": "Thorax routine",
        "CustodialOrganizationSequence": [{"InstitutionName": "General Hospital", "InstitutionCodeSequence": []}],
        "ResponsibleGroupCodeSequence": [],
        "PotentialScheduledProtocolCodeSequence": [CHEST],
        "PotentialRequestedProcedureCodeSequence": [CHEST],
        "PotentialReasonsForProcedure": "",
        "PotentialReasonsForProcedureCodeSequence": [],
        "PotentialDiagnosticTasks": "",
        "PredecessorProtocolSequence": [],
        "ClinicalTrialSponsorName": "Sponsor",
        "ClinicalTrialProtocolID": "TRIAL1",
        "EquipmentModality": "CT",
        "ModelSpecificationSequence": [
            {"Manufacturer": "Scanners Inc.", "ManufacturerModelName": "S1", "SoftwareVersions": "1.0"}
        ],
        "AnatomicRegionSequence": [CHEST],
        "PrimaryAnatomicStructureSequence": [],
    },
)
"""A CT protocol of a thorax."""

implant_template = _kind(
    GenericImplantTemplateStorage,
    "1.2.5.4",
    {
        "Manufacturer": "Implants Ltd.",
        "FrameOfReferenceUID": "1.2.5.4.1",
        "ImplantName": "Stem A",
        "ImplantSize": "12",
        "ImplantPartNumber": "A-12",
        "ImplantTemplateVersion": "1",
        "ImplantType": "ORIGINAL",
        "EffectiveDateTime": "20260101",
        "ImplantTargetAnatomySequence": [{"AnatomicRegionSequence": [HIP]}],
        "MaterialsCodeSequence": [TITANIUM],
        "CoatingMaterialsCodeSequence": [],
        "HPGLDocumentSequence": [{"HPGLDocumentID": 1, "HPGLDocumentLabel": "Front", "HPGLDocument": b"IN;SP1;" * 500}],
    },
)
"""A stem for a hip, with a drawing of its own kind of bulk data."""

implant_assembly = _kind(
    ImplantAssemblyTemplateStorage,
    "1.2.5.5",
    {
        "EffectiveDateTime": "20260101",
        "ImplantAssemblyTemplateName": "Hip A",
        "ImplantAssemblyTemplateIssuer": "Implants Ltd.",
        "ImplantAssemblyTemplateVersion": "1",
        "ImplantAssemblyTemplateType": "ORIGINAL",
        "Manufacturer": "Implants Ltd.",
        "ProcedureTypeCodeSequence": [HIP],
        "SurgicalTechnique": "",
    },
)
"""Stem and head together."""

implant_group = _kind(
    ImplantTemplateGroupStorage,
    "1.2.5.6",
    {
        "EffectiveDateTime": "20260101",
        "ImplantTemplateGroupName": "Stems A",
        "ImplantTemplateGroupIssuer": "Implants Ltd.",
        "ImplantTemplateGroupVersion": "",
        "ImplantTemplateGroupMembersSequence": [
            {
                "ReferencedSOPClassUID": GenericImplantTemplateStorage,
                "ReferencedSOPInstanceUID": "1.2.5.4",
                "ImplantTemplateGroupMemberID": 1,
            }
        ],
    },
)
"""All sizes of a stem."""

inventory = _kind(
    InventoryStorage,
    "1.2.5.7",
    {
        "ContentDate": "20260131",
        "ContentTime": "101500",
        "InventoryPurpose": "Migration",
        "InventoryLevel": "STUDY",
        "InventoryCompletionStatus": "COMPLETE",
        "NumberOfStudyRecordsInInstance": 1,
        "TotalNumberOfStudyRecords": 1,
        "ScopeOfInventorySequence": [],
        "InventoriedStudiesSequence": [
            {"StudyInstanceUID": "1.2.3.1", "PatientID": "P1", "PatientName": "Rossi^Maria"}
        ],
    },
)
"""An inventory of one study: the objects that name patients although they belong to none."""

protocol_approval = _kind(
    ProtocolApprovalStorage,
    "1.2.5.8",
    {
        "InstanceCreationDate": "20260131",
        "InstanceCreationTime": "111500",
        "ApprovalSubjectSequence": [
            {"ReferencedSOPClassUID": CTDefinedProcedureProtocolStorage, "ReferencedSOPInstanceUID": "1.2.5.3"}
        ],
        "ApprovalSequence": [
            {
                "AssertionCodeSequence": [
                    {"CodeValue": "128603", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Approved for use"}
                ],
                "AssertionUID": "1.2.5.8.1",
                "AssertionDateTime": "20260131111500",
                "AsserterIdentificationSequence": [{"ObserverType": "PSN", "PersonName": "Rossi^Maria"}],
            }
        ],
    },
)
"""An approval of `procedure_protocol`."""

EVERY_KIND: dict[str, list[bytes]] = {
    "color-palettes": [color_palette()],
    "defined-procedure-protocols": [procedure_protocol()],
    "hanging-protocols": [hanging_protocol()],
    "implant-templates": [implant_template(), implant_assembly(), implant_group()],
    "inventories": [inventory()],
    "protocol-approvals": [protocol_approval()],
}
"""One object of every class, by the name of its resource."""

"""Non-Patient Instances (PS3.18 ch. 12): objects that belong to no patient, and the resources they are kept under.

The classes are those of PS3.4 table GG.3-1. What a search returns unasked are the return keys of each Information Model
(PS3.4 tables U.6-1, X.6-1, BB.6-1 to -3, HH.6-1, II.6-1, for inventories the module of PS3.3 §C.38.1); anything else
can be searched for and asked for as well.
"""

from dataclasses import dataclass

from pydicom.uid import (
    ColorPaletteStorage,
    CTDefinedProcedureProtocolStorage,
    GenericImplantTemplateStorage,
    HangingProtocolStorage,
    ImplantAssemblyTemplateStorage,
    ImplantTemplateGroupStorage,
    InventoryStorage,
    ProtocolApprovalStorage,
    XADefinedProcedureProtocolStorage,
)

from pacs.attributes import tag

_ALWAYS = "SpecificCharacterSet SOPClassUID SOPInstanceUID"


@dataclass(frozen=True, slots=True)
class Resource:
    """One category: its `{npi-name}` in URLs, what it is called, its classes, and the tags a search returns unasked."""

    name: str
    title: str
    sop_class_uids: frozenset[str]
    attributes: frozenset[str]


def _resource(name: str, title: str, sop_class_uids: tuple[str, ...], keywords: str) -> Resource:
    tags = frozenset(map(tag, f"{_ALWAYS} {keywords}".split()))
    return Resource(name, title, frozenset(map(str, sop_class_uids)), tags)


RESOURCES = (
    _resource(
        "color-palettes",
        "color palette",
        (ColorPaletteStorage,),
        "ContentLabel ContentDescription ContentCreatorName AlternateContentDescriptionSequence",
    ),
    _resource(
        "defined-procedure-protocols",
        "defined procedure protocol",
        (CTDefinedProcedureProtocolStorage, XADefinedProcedureProtocolStorage),
        """CustodialOrganizationSequence ResponsibleGroupCodeSequence ProtocolName
        PotentialScheduledProtocolCodeSequence PotentialRequestedProcedureCodeSequence PotentialReasonsForProcedure
        PotentialReasonsForProcedureCodeSequence PotentialDiagnosticTasks PredecessorProtocolSequence
        ContentCreatorName InstanceCreationDate InstanceCreationTime ClinicalTrialSponsorName ClinicalTrialProtocolID
        EquipmentModality ModelSpecificationSequence AnatomicRegionSequence PrimaryAnatomicStructureSequence""",
    ),
    _resource(
        "hanging-protocols",
        "hanging protocol",
        (HangingProtocolStorage,),
        """HangingProtocolName HangingProtocolDescription HangingProtocolLevel HangingProtocolCreator
        HangingProtocolCreationDateTime HangingProtocolDefinitionSequence NumberOfPriorsReferenced
        HangingProtocolUserIdentificationCodeSequence HangingProtocolUserGroupName NumberOfScreens
        NominalScreenDefinitionSequence""",
    ),
    _resource(
        "implant-templates",
        "implant template",
        (GenericImplantTemplateStorage, ImplantAssemblyTemplateStorage, ImplantTemplateGroupStorage),
        """Manufacturer ImplantName ImplantSize ImplantPartNumber ReplacedImplantTemplateSequence
        DerivationImplantTemplateSequence EffectiveDateTime OriginalImplantTemplateSequence
        ImplantTargetAnatomySequence ImplantRegulatoryDisapprovalCodeSequence MaterialsCodeSequence
        CoatingMaterialsCodeSequence ImplantAssemblyTemplateName ProcedureTypeCodeSequence
        ReplacedImplantAssemblyTemplateSequence OriginalImplantAssemblyTemplateSequence
        DerivationImplantAssemblyTemplateSequence SurgicalTechnique ImplantTemplateGroupName
        ImplantTemplateGroupDescription ImplantTemplateGroupIssuer ReplacedImplantTemplateGroupSequence""",
    ),
    _resource(
        "inventories",
        "inventory",
        (InventoryStorage,),
        """ContentDate ContentTime ScopeOfInventorySequence TransactionUID InventoryPurpose
        InventoryInstanceDescription InventoryLevel InventoryCompletionStatus NumberOfStudyRecordsInInstance
        TotalNumberOfStudyRecords""",
    ),
    _resource(
        "protocol-approvals",  # CP-2551, which gives the class of PS3.4 §GG.6.5 its resource
        "protocol approval",
        (ProtocolApprovalStorage,),
        "InstanceCreationDate InstanceCreationTime ApprovalSubjectSequence ApprovalSequence",
    ),
)

_BY_CLASS = {uid: resource for resource in RESOURCES for uid in resource.sop_class_uids}

SOP_CLASS_UIDS = frozenset(_BY_CLASS)
"""Every class whose objects belong to no patient, and so to no study and no series."""


def resource_of(sop_class_uid: str) -> Resource | None:
    """The resource that objects of a class are kept under; None when they belong to patients."""
    return _BY_CLASS.get(sop_class_uid)

"""The information models of objects that belong to no patient (PS3.4 U, X, BB, HH, II and JJ): each has one level."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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

from pacs.archive import npi_store
from pacs.archive.dimse.selection import unique_values
from pacs.archive.npi import Resource, resource_of
from pacs.archive.npi_store import NonPatientInstance
from pacs.attributes import JSONDataset

_ROOT = "1.2.840.10008.5.1.4"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: the classes of its objects, which a resource has, and the abstract syntaxes of its services."""

    sop_class_uids: tuple[str, ...]
    find: str
    move: str
    get: str

    @property
    def resource(self) -> Resource:
        """What its objects are kept under."""
        found = resource_of(self.sop_class_uids[0])
        assert found is not None  # noqa: S101  # the table names no other classes
        return found


def _services(root: str, find: int) -> tuple[str, str, str]:
    """The UIDs of FIND, MOVE and GET, which follow each other."""
    return f"{_ROOT}.{root}.{find}", f"{_ROOT}.{root}.{find + 1}", f"{_ROOT}.{root}.{find + 2}"


MODELS = (
    Model((ColorPaletteStorage,), *_services("39", 2)),
    Model((HangingProtocolStorage,), *_services("38", 2)),
    Model((CTDefinedProcedureProtocolStorage, XADefinedProcedureProtocolStorage), *_services("20", 1)),
    Model((ProtocolApprovalStorage,), *_services("1.1.200", 4)),
    Model((GenericImplantTemplateStorage,), *_services("43", 2)),
    Model((ImplantAssemblyTemplateStorage,), *_services("44", 2)),
    Model((ImplantTemplateGroupStorage,), *_services("45", 2)),
    Model((InventoryStorage,), *_services("1.1.201", 2)),
)

_BY_SYNTAX = {syntax: model for model in MODELS for syntax in (model.find, model.move, model.get)}


def model_of(abstract_syntax: str) -> Model:
    """The model that a service of it belongs to. KeyError for any other."""
    return _BY_SYNTAX[abstract_syntax]


def choose(abstract_syntax: str, identifier: JSONDataset) -> Callable[[sqlite3.Connection], list[NonPatientInstance]]:
    """How to read the objects that a C-GET or C-MOVE names by their UIDs; `BadQuery` when it names none."""
    return partial(_select, model=model_of(abstract_syntax), uids=unique_values(identifier, "SOPInstanceUID"))


def _select(connection: sqlite3.Connection, model: Model, uids: list[str]) -> list[NonPatientInstance]:
    found = npi_store.select(connection, model.resource, uids)
    return [one for one in found if one.sop_class_uid in model.sop_class_uids]

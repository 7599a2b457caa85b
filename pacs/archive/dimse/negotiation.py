"""What is agreed when an association begins: who may call, and which contexts are accepted (PS3.8 §7.1, PS3.7 §D.3)."""

import re
from collections.abc import Container, Iterable
from functools import cache

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext, build_context

from pacs.archive.dimse.service import Offered, Service
from pacs.file_meta import TRANSFER_SYNTAXES

_PREFERRED = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
STORED_SYNTAXES = (*_PREFERRED, *sorted(TRANSFER_SYNTAXES - set(_PREFERRED)))
"""Transfer syntaxes of stored objects. Explicit VR comes first: it is kept without loss by whoever reads it."""

_COMPRESSED = TRANSFER_SYNTAXES - {ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian}
_STORAGE = re.compile(r"\bStorage\b", re.ASCII)
_NOT_OF_OBJECTS = re.compile("Commitment|Directory")
_REGISTERED, _STORAGE_ROOT = "1.2.840.10008.", "1.2.840.10008.5.1.4.1.1."


class Offer:
    """The services of a server, by abstract syntax; `store` also takes storage classes that no service names."""

    def __init__(self, services: Iterable[Service], store: Service | None = None) -> None:
        self.services = tuple(services)
        self._store = store
        self._by_syntax = {
            offered.abstract_syntax: (service, offered) for service in self.services for offered in service.contexts
        }

    def find(self, abstract_syntax: str) -> tuple[Service, Offered] | None:
        """The service of an abstract syntax, and what it offers there."""
        found = self._by_syntax.get(abstract_syntax)
        if found is None and self._store is not None and is_storage_class(abstract_syntax):
            return self._store, stored_context(abstract_syntax)
        return found

    def contexts(
        self, proposed: Iterable[PresentationContext], received: Container[str] = ()
    ) -> list[PresentationContext]:
        """What is supported of what was proposed.

        `received` are the classes that the requestor wants to receive (C-GET). A compressed transfer syntax that it
        names first for one of them is taken: it asks for objects as they are stored.
        """
        wanted: dict[str, list[str]] = {}
        for context in proposed:
            syntax = str(context.abstract_syntax)
            first = str(context.transfer_syntax[0]) if context.transfer_syntax else ""
            wanted.setdefault(syntax, []).extend([first] if syntax in received and first in _COMPRESSED else [])
        return [_context(found[1], firsts) for syntax, firsts in wanted.items() if (found := self.find(syntax))]


def stored_context(abstract_syntax: str) -> Offered:
    """A storage class in every transfer syntax. In both roles: with C-GET the requestor receives."""
    return Offered(abstract_syntax=abstract_syntax, transfer_syntaxes=STORED_SYNTAXES, either_role=True)


def is_storage_class(uid: str) -> bool:
    """Whether objects of a class are to be stored, of patients or not: a storage class, or one unknown to us."""
    if uid in _registered_storage():
        return True
    return uid not in UID_dictionary and (uid.startswith(_STORAGE_ROOT) or not uid.startswith(_REGISTERED))


@cache
def _registered_storage() -> frozenset[str]:
    told = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    named = {
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and _STORAGE.search(name) and not _NOT_OF_OBJECTS.search(name)
    }
    return frozenset(told | named)


def _context(offered: Offered, firsts: list[str]) -> PresentationContext:
    context = build_context(offered.abstract_syntax, list(dict.fromkeys([*firsts, *offered.transfer_syntaxes])))
    if offered.either_role:
        context.scu_role = context.scp_role = True
    return context

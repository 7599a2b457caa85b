"""UIDs under the organisation's root, each issued once."""

import strawberry

from graph.context import Info
from graph.errors import bad_input
from graph.schema.scalars import UID
from pacs.uids import new_uid

_MAX_COUNT = 1000


@strawberry.type(description="New UIDs.")
class GenerateUIDsPayload:
    """What generateUIDs answers."""

    uids: list[UID]


@strawberry.type
class UidMutations:
    """The part of Mutation that issues UIDs."""

    @strawberry.mutation(description="UIDs that were never issued before: under DICOM_UID_ROOT, or 2.25 without one.")
    async def generate_uids(self, info: Info, count: int = 1) -> GenerateUIDsPayload:
        """New UIDs, recorded before they are answered."""
        if not 0 < count <= _MAX_COUNT:
            raise bad_input(f"count is {count}, it must be from 1 to {_MAX_COUNT}")
        return GenerateUIDsPayload(uids=[UID(uid) for uid in await issue_uids(info, count)])


async def issue_uids(info: Info, count: int) -> list[str]:
    """As many UIDs, none of which was issued before."""
    root = info.context.settings.dicom_uid_root
    issued: list[str] = []
    while len(issued) < count:  # a second round only if a random number fell twice
        made = list({new_uid(root): None for _ in range(count - len(issued))})
        issued += await info.context.store.reserve_uids(made)
    return issued

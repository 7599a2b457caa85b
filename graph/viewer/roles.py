"""What a viewer lets its user do."""

from enum import Enum

import strawberry


@strawberry.enum(description="Which kind of viewer a link opens.")
class ViewerRole(Enum):
    """From looking to the tools of a doctor."""

    PATIENT = strawberry.enum_value("PATIENT", description="Read-only.")
    DIAGNOSTIC = strawberry.enum_value("DIAGNOSTIC", description="All the tools of a doctor's view.")

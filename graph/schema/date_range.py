"""A range of days, as an argument."""

import datetime as dt

import strawberry

from graph.errors import bad_input
from pacs import queries


@strawberry.input(description="Days from `from` to `to`, both included; either end may be open.")
class DateRange:
    """Both ends are optional."""

    from_: dt.date | None = strawberry.field(name="from", default=strawberry.UNSET)
    to: dt.date | None = strawberry.UNSET

    def days(self) -> queries.DateRange | None:
        """The range, or None when it is open at both ends; BAD_USER_INPUT when it ends before it begins."""
        start, end = self.from_ or None, self.to or None
        if start and end and end < start:
            raise bad_input("the range of dates ends before it begins")
        return queries.DateRange(start, end) if start or end else None

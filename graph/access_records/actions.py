"""What can be done to patient data, under the names that access records have: `source:subject:action`."""

from dataclasses import dataclass
from enum import Enum


class Event(Enum):
    """DICOM's audit events (PS3.15 §A.5.3; codes of the scheme DCM)."""

    AUDIT_LOG_USED = "110101"
    INSTANCES_ACCESSED = "110103"
    INSTANCES_TRANSFERRED = "110104"
    EXPORT = "110106"
    PROCEDURE_RECORD = "110111"
    QUERY = "110112"
    USER_AUTHENTICATION = "110114"


@dataclass(frozen=True)
class Action:
    """One kind of access."""

    name: str
    event: Event
    code: str
    """EventActionCode: Create, Read, Update, Delete or Execute."""


SEARCH_STUDIES = Action("graphql:study:search", Event.QUERY, "E")
READ_STUDY = Action("graphql:study:read", Event.INSTANCES_ACCESSED, "R")
READ_THUMBNAIL = Action("graphql:thumbnail:read", Event.INSTANCES_ACCESSED, "R")
STORE_EXAM = Action("graphql:exam:store", Event.INSTANCES_TRANSFERRED, "C")
READ_WORKITEM = Action("graphql:workitem:read", Event.PROCEDURE_RECORD, "R")
CREATE_WORKITEM = Action("graphql:workitem:create", Event.PROCEDURE_RECORD, "C")
CANCEL_WORKITEM = Action("graphql:workitem:cancel", Event.PROCEDURE_RECORD, "D")
READ_EVENT = Action("graphql:exam-event:read", Event.INSTANCES_ACCESSED, "R")
RECEIVE_EVENT = Action("graphql:exam-event:receive", Event.INSTANCES_ACCESSED, "R")
CREATE_VIEWER_TOKEN = Action("graphql:viewer-token:create", Event.INSTANCES_ACCESSED, "R")
READ_DELIVERY = Action("graphql:webhook-delivery:read", Event.INSTANCES_ACCESSED, "R")
REDELIVER = Action("graphql:webhook-delivery:redeliver", Event.EXPORT, "E")
READ_RECORDS = Action("graphql:access-record:read", Event.AUDIT_LOG_USED, "R")
SIGN_IN = Action("graphql:client:sign-in", Event.USER_AUTHENTICATION, "E")
RETRIEVE_INSTANCE = Action("rest:instance:retrieve", Event.INSTANCES_TRANSFERRED, "R")
RETRIEVE_THUMBNAIL = Action("rest:thumbnail:read", Event.INSTANCES_ACCESSED, "R")
EXPORT_STUDY = Action("rest:study:export", Event.EXPORT, "R")
ANNOUNCE_EXAM = Action("callback:exam-event:create", Event.INSTANCES_ACCESSED, "C")
REDEEM_LINK = Action("viewer:link:redeem", Event.USER_AUTHENTICATION, "E")
VIEW_STUDY = Action("viewer:study:read", Event.INSTANCES_ACCESSED, "R")
VIEW_PICTURE = Action("viewer:picture:read", Event.INSTANCES_ACCESSED, "R")
VIEW_INSTANCES = Action("viewer:instance:retrieve", Event.INSTANCES_TRANSFERRED, "R")

ACTIONS = {action.name: action for action in list(globals().values()) if isinstance(action, Action)}
"""All of them by name."""

FIELDS = {
    "studies": SEARCH_STUDIES,
    "study": READ_STUDY,
    "series": READ_STUDY,
    "instances": READ_STUDY,
    "instance": READ_STUDY,
    "thumbnail": READ_THUMBNAIL,
    "uploadExams": STORE_EXAM,
    "workitems": READ_WORKITEM,
    "workitem": READ_WORKITEM,
    "createWorkitem": CREATE_WORKITEM,
    "deleteWorkitem": CANCEL_WORKITEM,
    "examEvents": READ_EVENT,
    "newExam": RECEIVE_EVENT,
    "createViewerToken": CREATE_VIEWER_TOKEN,
    "webhookDeliveries": READ_DELIVERY,
    "event": READ_DELIVERY,
    "redeliverWebhook": REDELIVER,
    "accessRecords": READ_RECORDS,
}
"""What a GraphQL field, wherever it stands, does: for accesses that were denied or failed."""

"""What dcm4chee-arc does differently with UPS-RS. Not run against a real dcm4chee.

Sources: its UpsRS.java (`?workitem=`, `/state/{requester}`, `/cancelrequest/{requester}`), its issues 4865 and 4963
(why the requester is needed up to 5.35.0, and still taken after), 2294 (what it matches).
"""

from pacs.worklist.ups_habits import UpsHabits

_REQUESTER = "DICOM-GRAPH"

DCM4CHEE = UpsHabits(
    create_query="workitem={uid}",
    requester=_REQUESTER,
    study_keys=("ReferencedRequestSequence.StudyInstanceUID",),
)

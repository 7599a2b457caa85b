"""Links into the viewer."""

import datetime as dt

import strawberry

from graph.access import Identity
from graph.access_records.actions import CREATE_VIEWER_TOKEN
from graph.context import Info
from graph.errors import bad_input
from graph.schema.scalars import UID
from graph.viewer import external, tokens
from graph.viewer.links import fill_template
from graph.viewer.roles import ViewerRole
from graph.viewer.tokens import Subject
from persistence.records import now

_MAX_USER_LENGTH = 256


@strawberry.input(description="Which study to show, to whom.")
class CreateViewerTokenInput:
    """What createViewerToken takes."""

    study_instance_uid: UID
    patient_id: str | None = strawberry.UNSET
    user: str | None = strawberry.UNSET
    role: ViewerRole = ViewerRole.PATIENT


@strawberry.type(description="A link into the viewer.")
class CreateViewerTokenPayload:
    """What createViewerToken answers."""

    token: str
    role: ViewerRole
    expires_at: dt.datetime
    url: str = strawberry.field(description="Opens the viewer; works once.")


@strawberry.type
class ViewerTokenMutations:
    """The part of Mutation that makes viewer links."""

    @strawberry.mutation
    async def create_viewer_token(self, info: Info, input: CreateViewerTokenInput) -> CreateViewerTokenPayload:
        """A token that opens one study in the viewer, once. The study must exist, and be the given patient's."""
        context, settings = info.context, info.context.settings
        patient_id = await tokens.find_patient(context.pacs, input.study_instance_uid, input.patient_id or None)
        subject = Subject(input.study_instance_uid, patient_id, _user(input, context.principal), input.role)
        if settings.viewer_token_url is not None:
            secret = settings.viewer_authorization_token
            token = await external.fetch_token(
                settings.viewer_token_url, secret.get_secret_value() if secret else None, subject
            )
            expires_at = now() + dt.timedelta(seconds=settings.viewer_token_seconds)
            url = fill_template(
                settings.dicom_viewer_url or "",
                studyInstanceUID=subject.study_instance_uid,
                role=subject.role.name.lower(),
                token=token,
            )
        else:
            token, expires_at = await tokens.issue(context.store, subject, settings.viewer_token_seconds)
            url = context.links.viewer(token)
        context.trail.note(CREATE_VIEWER_TOKEN, patient_id, input.study_instance_uid)
        return CreateViewerTokenPayload(token=token, role=input.role, expires_at=expires_at, url=url)


def _user(input: CreateViewerTokenInput, principal: Identity) -> str:
    user = input.user or principal.subject
    if len(user) > _MAX_USER_LENGTH or not user.isprintable():
        raise bad_input(f"user must be printable and have at most {_MAX_USER_LENGTH} characters")
    return user

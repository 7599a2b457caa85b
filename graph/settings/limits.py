"""Settings that bound what one request may ask for."""

from pydantic import BaseModel, Field

MIB = 1024 * 1024


class LimitSettings(BaseModel):
    """Bounds of uploads and of GraphQL documents."""

    max_upload_bytes: int = Field(4096 * MIB, gt=0, description="Largest DICOM file taken, in bytes.")
    max_upload_files: int = Field(1000, gt=0, description="Most files in one upload request.")
    max_request_bytes: int = Field(16384 * MIB, gt=0, description="Largest upload request as a whole, in bytes.")
    max_query_bytes: int = Field(MIB, gt=0, description="Largest GraphQL request without files, in bytes.")
    max_depth: int = Field(12, gt=0, description="Deepest nesting of fields in a GraphQL document.")
    max_aliases: int = Field(30, gt=0, description="Most aliases in a GraphQL document.")
    max_fields: int = Field(500, gt=0, description="Most fields in a GraphQL document, fragments counted where used.")
    max_pacs_requests: int = Field(
        50, gt=0, description="Most requests to the PACS that one GraphQL document may need."
    )
    max_rows: int = Field(
        200_000, gt=0, description="Most objects that one GraphQL document may be estimated to bring."
    )

"""Settings that bound what one request may ask for."""

from pydantic import BaseModel, Field

MIB = 1024 * 1024


class LimitSettings(BaseModel):
    """Bounds of uploads, of GraphQL documents, and of how often and how long a client may use the server."""

    max_upload_bytes: int = Field(4096 * MIB, gt=0, description="Largest DICOM file taken, in bytes.")
    max_upload_files: int = Field(1000, gt=0, description="Most files in one upload request.")
    max_request_bytes: int = Field(16384 * MIB, gt=0, description="Largest upload request as a whole, in bytes.")
    max_query_bytes: int = Field(MIB, gt=0, description="Largest GraphQL request without files, in bytes.")
    max_depth: int = Field(12, gt=0, description="Deepest nesting of fields in a GraphQL document.")
    max_aliases: int = Field(30, gt=0, description="Most aliases in a GraphQL document.")
    max_fields: int = Field(500, gt=0, description="Most fields in a GraphQL document, fragments counted where used.")
    max_pacs_requests: int = Field(
        120, gt=0, description="Most requests to the PACS that one GraphQL document may need."
    )
    max_rows: int = Field(
        200_000, gt=0, description="Most objects that one GraphQL document may be estimated to bring."
    )
    operation_timeout_seconds: float = Field(
        60.0, gt=0, description="Longest a query or mutation may take; uploads and subscriptions may take longer."
    )
    rate_per_second: float = Field(
        100.0, ge=0, description="Requests a second that one client may send in the long run; 0: any number."
    )
    rate_burst: int = Field(1000, gt=0, description="Requests that one client may send at once.")
    callback_rate_per_second: float = Field(
        1000.0, ge=0, description="Events a second that one address may announce in the long run; 0: any number."
    )
    callback_rate_burst: int = Field(10_000, gt=0, description="Events that one address may announce at once.")
    cache_bytes: int = Field(
        128 * MIB,
        ge=0,
        description="Memory for instances and thumbnails that the PACS vouches for, in bytes, each process; 0: none.",
    )
    max_sockets: int = Field(50, gt=0, description="Most WebSockets that one client may have open.")
    max_connections: int = Field(
        5000, gt=0, description="Most connections of all clients together; further requests are answered 503."
    )

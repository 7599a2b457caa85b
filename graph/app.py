"""`create_app(settings)`: everything is put together here, once. The first file to read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute

from graph.access import LOCAL
from graph.context import Context, Services
from graph.engine.limits import Limits
from graph.engine.view import GraphQLView, ViewOptions
from graph.links import Links
from graph.request_log import RequestLog
from graph.routes import callback, exam_files, health
from graph.routes.problems import HANDLERS
from graph.schema import contract_schema
from graph.settings import Settings
from pacs.adapter import Pacs
from pacs.dicomweb import PacsAddress
from persistence.feed import ExamFeed
from persistence.store import open_store

EMBEDDED_ROOT = "/dicom-web"
"""Where the embedded PACS has its DICOMweb services."""


def create_app(settings: Settings) -> Starlette:
    """The application: GraphQL at /graphql, the REST routes, and behind them the PACS and the store."""
    view = _graphql_view(settings)
    app = Starlette(
        routes=[
            Route("/graphql", view),
            WebSocketRoute("/graphql", view),
            Route("/new-exam-callback", callback.new_exam_callback, methods=["POST"]),
            *(
                Route(f"/exams/studies/{{study}}/series/{{series}}/{level}/{{instance}}", exam_files.exam_file)
                for level in ("instance", "instances")
            ),
            Route("/health/live", health.live),
            Route("/health/ready", health.ready),
        ],
        middleware=[Middleware(RequestLog)],
        exception_handlers=HANDLERS,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database_url, settings.data_dir)
        stack.push_async_callback(store.close)
        feed = ExamFeed(store)
        await feed.start()
        stack.push_async_callback(feed.aclose)
        pacs = Pacs(_pacs_address(settings))
        stack.push_async_callback(pacs.aclose)
        app.state.services = Services(settings, pacs, store, feed)
        yield


def _graphql_view(settings: Settings) -> GraphQLView:
    limits = Limits(
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_fields=settings.max_fields,
        max_requests=settings.max_pacs_requests,
        max_rows=settings.max_rows,
    )
    options = ViewOptions(
        graphiql=settings.on_loopback if settings.graphiql is None else settings.graphiql,
        max_body_bytes=settings.max_query_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        max_upload_files=settings.max_upload_files,
        max_request_bytes=settings.max_request_bytes,
        spool_dir=settings.data_dir,
    )
    introspection = settings.on_loopback if settings.introspection is None else settings.introspection
    schema = contract_schema(limits, introspection=introspection, compiled_selections=settings.compiled_selections)
    return GraphQLView(schema, _context, options)


async def _context(connection: HTTPConnection) -> Context:
    services: Services = connection.app.state.services
    return Context(services, LOCAL, Links.of(connection, services.settings.public_url))


def _pacs_address(settings: Settings) -> PacsAddress:
    """The customer's PACS, or the embedded one at its Unix socket."""
    address = PacsAddress(
        url=settings.pacs_url or f"http://embedded{EMBEDDED_ROOT}",
        connect_timeout_seconds=settings.pacs_connect_timeout_seconds,
        timeout_seconds=settings.pacs_timeout_seconds,
    )
    if settings.pacs_url is None:
        return replace(address, socket=settings.archive_socket, decodes_queries=True, tells_conflicts=True)
    return replace(
        address,
        username=settings.pacs_username,
        password=settings.pacs_password.get_secret_value() if settings.pacs_password else None,
        token=settings.pacs_token.get_secret_value() if settings.pacs_token else None,
        ca_file=settings.pacs_ca_file,
    )

"""`create_app(settings)`: everything is put together here, once. The first file to read."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute

from graph.access_records.actions import ANNOUNCE_EXAM
from graph.access_records.log import AccessLog
from graph.access_records.patients import Patients
from graph.access_records.routes import RecordedSignIn
from graph.access_records.trail import Trail, address_of, refuse_unrecorded
from graph.archives import open_worklist_of, pacs_address
from graph.authentication.credentials import identify
from graph.authentication.start import start_authenticator
from graph.context import Context, Services
from graph.engine.limits import Limits
from graph.engine.view import GraphQLView
from graph.engine.view_options import ViewOptions
from graph.links import Links
from graph.middleware import middleware
from graph.rates import Rates, client_key
from graph.reconciler.start import start_reconciler
from graph.routes import callback, exam_files, health, viewer, viewer_dicomweb
from graph.routes.guards import guarded, in_table, refuse_files
from graph.routes.problems import HANDLERS
from graph.schema import contract_schema
from graph.settings import Settings
from graph.viewer.service import Viewer
from graph.webhooks import Deliverer
from pacs.adapter import Pacs
from persistence.feed import ExamFeed
from persistence.retention import Retention
from persistence.store import Store, open_store

_POLL_SECONDS = (0.1, 1.0)
"""How often the log is looked at for events of other replicas: while somebody listens, and while nobody does."""
_CALLBACK = "/new-exam-callback"
_MESSAGES_AN_OPERATION = 4
"""Of a socket's client: it subscribes, completes, pings and pongs."""


def create_app(settings: Settings) -> Starlette:
    """The application: GraphQL at /graphql, the REST routes, and behind them the PACS and the store."""
    view = _graphql_view(settings)
    routes: list[BaseRoute] = [
        Route("/graphql", view, middleware=[Middleware(RecordedSignIn)]),
        WebSocketRoute("/graphql", view, middleware=[Middleware(RecordedSignIn)]),
        Route(
            _CALLBACK,
            callback.new_exam_callback,
            methods=["POST"],
            middleware=guarded(_CALLBACK, ANNOUNCE_EXAM, rates=_callback_rates),
        ),
        *exam_files.ROUTES,
        *viewer.ROUTES,
        *viewer_dicomweb.ROUTES,
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
    ]
    app = Starlette(
        routes=in_table(routes),
        middleware=middleware(settings),
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
        store = await open_store(settings.database_url, settings.data_dir, wait_seconds=settings.database_wait_seconds)
        stack.push_async_callback(store.close)
        feed = ExamFeed(store, poll_seconds=_POLL_SECONDS)
        await feed.start()
        stack.push_async_callback(feed.aclose)
        await _start_deliveries(settings, store, feed, stack)
        pacs = Pacs(pacs_address(settings), cache_bytes=settings.cache_bytes)
        stack.push_async_callback(pacs.aclose)
        feed.listen(lambda event: pacs.forget(event.study_instance_uid))
        app.state.viewer = await Viewer.open(settings, pacs, stack)
        access_log = AccessLog(store, settings.access_records_waiting, Patients(pacs).complete)
        await access_log.start()
        stack.push_async_callback(access_log.aclose)
        worklist = await open_worklist_of(settings, store, stack)
        authenticator = await start_authenticator(settings, stack)
        app.state.services = Services(
            settings, pacs, worklist, store, feed, access_log, *_rates(settings), authenticator=authenticator
        )
        await start_reconciler(app.state.services, stack)
        yield


async def _start_deliveries(settings: Settings, store: Store, feed: ExamFeed, stack: AsyncExitStack) -> None:
    """What works through the events behind everybody's back: the webhooks, and the removal of old events."""
    if settings.callback_urls:
        secret = settings.callback_secret.get_secret_value() if settings.callback_secret else None
        deliverer = Deliverer(store, feed, settings.callback_urls, secret)
        await deliverer.start()
        stack.push_async_callback(deliverer.aclose)
    retention = Retention(store, settings.event_retention_days, for_webhooks=bool(settings.callback_urls))
    await retention.start()
    stack.push_async_callback(retention.aclose)


def _graphql_view(settings: Settings) -> GraphQLView:
    limits = Limits(
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_fields=settings.max_fields,
        max_requests=settings.max_pacs_requests,
        max_rows=settings.max_rows,
    )
    options = ViewOptions(
        graphiql=settings.serves_graphiql,
        max_body_bytes=settings.max_query_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        max_upload_files=settings.max_upload_files,
        max_request_bytes=settings.max_request_bytes,
        spool_dir=settings.data_dir,
        max_message_bytes=settings.max_query_bytes,
        max_sockets_per_client=settings.max_sockets,
        messages_per_second=_MESSAGES_AN_OPERATION * settings.rate_per_second,
        message_burst=_MESSAGES_AN_OPERATION * settings.rate_burst,
        operation_timeout_seconds=settings.operation_timeout_seconds,
        allowed_origins=settings.allowed_origins,
    )
    schema = contract_schema(
        limits, introspection=settings.serves_introspection, compiled_selections=settings.compiled_selections
    )
    return GraphQLView(schema, _context, options, lifetime_seconds=_lifetime_seconds, client_of=_client_of)


def _rates(settings: Settings) -> tuple[Rates, Rates]:
    """How often clients may come, and how often the PACS may."""
    return (
        Rates(settings.rate_per_second, settings.rate_burst),
        Rates(settings.callback_rate_per_second, settings.callback_rate_burst),
    )


def _callback_rates(connection: HTTPConnection) -> Rates:
    services: Services = connection.app.state.services
    return services.callback_rates


def _client_of(connection: HTTPConnection, context: Context | None) -> str:
    return client_key(connection, context.principal if context else None)


def _lifetime_seconds(context: Context) -> float | None:
    """How long a socket may stay open: until its client's token expires."""
    expires_at = context.principal.expires_at
    return None if expires_at is None else max(0.0, expires_at - time.time())


async def _context(connection: HTTPConnection) -> Context:
    services: Services = connection.app.state.services
    who = await identify(connection)
    client = client_key(connection, who)
    services.rates.admit(client)
    refuse_unrecorded(services.access_log)
    trail = Trail(services.access_log, who, address_of(connection))
    refuse_files(connection, trail)
    links = Links.of(connection, services.settings.public_url)
    return Context(services, who, links, trail, partial(identify, connection), client)

"""Structured logs: one JSON (or, on a terminal, coloured) line an event, with the request's id on each.

Lines carry names of operations, durations and outcomes; never patient data, tokens or secrets.
"""

import logging
import sys
import warnings
from contextvars import ContextVar

import structlog
from structlog.typing import EventDict, WrappedLogger

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being served; empty outside one."""


def configure(level: str = "info") -> None:
    """Sends structlog's and the standard library's records through one pipeline to standard error."""
    terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for quoting in ("pydicom", "pynetdicom"):  # their messages quote the values of datasets
        logging.getLogger(quoting).disabled = True  # unlike a level, they do not set it at import
        warnings.filterwarnings("ignore", module=rf"{quoting}(\.|$)")


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request_id"] = current
    return event

"""Structured logs: one event a line, as JSON or text, without local variables in tracebacks."""

import logging
import sys

import structlog

from gemini_operator.base import sanitize

FORMATS = ("json", "text")
LEVELS = ("debug", "info", "warning", "error")

# At DEBUG these libraries log request bodies, patches and headers, which have secrets.
QUIET = (
    "aiohttp",
    "asyncio",
    "google_genai",
    "httpcore2",
    "httpx2",
    "kopf",
    "kubernetes",
    "urllib3",
)


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks secrets in the finished line, tracebacks included, if a caller has not done so."""

    def format(self, record: logging.LogRecord) -> str:
        return sanitize.mask(super().format(record))


Logger = structlog.stdlib.BoundLogger


def get_logger(name: str) -> Logger:
    """Return a logger whose keyword arguments become fields of the line."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def configure(log_format: str = "json", level: str = "info") -> None:
    """Send structlog's and the standard library's records to standard error in one form.

    Args:
        log_format: `json` or `text`.
        level: `debug`, `info`, `warning` or `error`; libraries never go below `warning`.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        MaskingFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(log_format),
            ],
        )
    )
    root = logging.getLogger()
    # In place of a library's own handler, which would not mask.
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _renderer(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "text":
        return [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    return [tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]

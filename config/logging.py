"""Logs as JSON lines with a request or task id (production) or as colored text (a terminal)."""

from __future__ import annotations

import logging.config
import os
import re
import sys
from typing import Any

import orjson
import structlog

# Invitations, reminders' ways out, and allauth's links to a new password and from a mail hold a key in their path.
_KEY_IN_PATH = re.compile(r"(/join/[^/]+/i/|/no-reminders/|/password/reset/key/|/confirm-email/)[^/]+")

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()


_JSON = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]


def _console() -> structlog.dev.ConsoleRenderer:
    # Where rich is installed, structlog's own tracebacks show local variables, and with them what the vault has opened.
    return structlog.dev.ConsoleRenderer(colors=_wants_colors(), exception_formatter=structlog.dev.plain_traceback)


def without_keys(path: str) -> str:
    """Return the path of a request as logs may keep it."""
    return _KEY_IN_PATH.sub(lambda found: f"{found[1]}…", path)


class WithoutKeys(logging.Filter):
    """Takes keys out of the paths that Django itself logs, as in `Not Found: /join/sunny/i/…/`."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(without_keys(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def settings(*, log_format: str, level: str) -> dict[str, Any]:
    """Return Django's `LOGGING`; `log_format` is `json` or `console`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(_JSON if log_format == "json" else [_console()]),
                ],
                "foreign_pre_chain": _SHARED,
            },
        },
        "filters": {"without_keys": {"()": WithoutKeys}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "structlog", "filters": ["without_keys"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            # It logs whole addresses; Enphase takes keys, codes and refresh tokens in them.
            "urllib3": {"level": "CRITICAL"},
            # On DEBUG they log codes and whom a request was for.
            "oauthlib": {"level": "INFO"},
            "oauth2_provider": {"level": "INFO"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set up both the standard library's logging and structlog; named in `LOGGING_CONFIG`."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _wants_colors() -> bool:
    # `manage.py run` reads what its processes say through pipes, and sets FORCE_COLOR if it writes to a terminal.
    return sys.stderr.isatty() or "FORCE_COLOR" in os.environ

"""Logs: one line per fact, and a filter in front that lets no secret through."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_SECRETS = re.compile(
    r"xox[abeprs][-.][\w.-]+|xapp-[\w-]+|Bearer\s+\S+|Signature=\w+|LTAI\w{8,}"
    r"|(?<=[?&])[\w-]*(?:[Ss]ignature|[Tt]oken|[Kk]ey|[Ss]ecret|[Tt]icket)[\w-]*=[^&\s]+"
    r"|(?<=[?&])[Xx]-[Aa]mz-[\w-]+=[^&\s]+"
    r"|/p/[\w-]{20,}(?:\.\w+)?|(?<=/callback/)[\w-]+/[\w-]+"
)
_QUIET = {
    # httpx writes whole URLs, signed ones among them; APScheduler a line per tick; Bolt a hint per event.
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "apscheduler": logging.ERROR,
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "uvicorn": logging.WARNING,
    "alembic": logging.WARNING,
}


def redact(text: str) -> str:
    """Blot out tokens, signatures and photo links."""
    return _SECRETS.sub("[redacted]", text)


class Redact(logging.Filter):
    """Blots secrets out of a record's message and facts."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record; changes it in place."""
        record.msg, record.args = redact(record.getMessage()), ()
        for name, value in list(record.__dict__.items()):
            if name not in _STANDARD and not isinstance(value, int | float | None):
                setattr(record, name, redact(str(value)))
        return True


class Lines(logging.Formatter):
    """`time LEVEL message action=… facts`, or the same as JSON."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """One line; an exception adds its type and where it was raised, redacted."""
        facts = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        at = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}Z"
        trace = redact(self.formatException(record.exc_info)) if record.exc_info else ""
        if self._json:
            row: dict[str, Any] = {
                "at": at,
                "level": record.levelname,
                "message": record.getMessage(),
                **facts,
            }
            return json.dumps({**row, "trace": trace} if trace else row, default=str)
        tail = " ".join(f"{name}={value}" for name, value in facts.items())
        # What a vendor or a person wrote must not look like a line of ours.
        line = f"{at} {record.levelname:<7} {record.getMessage()} {tail}".rstrip().replace("\n", "\\n")
        return f"{line}\n{trace}" if trace else line


def configure(level: str, style: str) -> None:
    """Send everything to standard error, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(style))
    handler.addFilter(Redact())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)

"""Writes logs to stderr, one JSON object per line: never a secret, a DSN, a message's text or a row."""

import logging
import sys

import stamina
import structlog

QUIET = (
    "slack_bolt",
    "slack_sdk",
    "kubernetes",
    "urllib3",
    "botocore",
    "boto3",
    "procrastinate",
    "uvicorn",
    "psycopg",
    "apscheduler",
)


def configure(level: str) -> None:
    """Send every record, ours and the libraries', through one JSON formatter; `level` is for our own."""
    shared = (
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    renderer = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(renderer)
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:  # below WARNING some libraries log bodies and tokens
        logging.getLogger(name).setLevel(logging.WARNING)

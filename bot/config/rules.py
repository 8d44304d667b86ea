"""Checks single values. A rule says what must be; `problems` adds the key, the value and the fix."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from bot.config import cron
from bot.config.credentials import check_file, check_variable
from bot.domain.versions import is_pattern


def within(low: float, high: float) -> AfterValidator:
    """Make a rule for a number."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"must be {low:,}…{high:,}")
        return value

    return AfterValidator(check)


def satisfying(test: Callable[[str], object], what: str) -> AfterValidator:
    """Make a rule for a text from a test."""

    def check(value: str) -> str:
        if not test(value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


def matching(pattern: str, what: str) -> AfterValidator:
    """Make a rule for a text that `pattern` matches as a whole."""
    return satisfying(re.compile(pattern).fullmatch, what)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("must be an existing directory")
    return path


def _tool_directory(path: Path) -> Path:
    if not (path / "pg_dump").is_file():
        raise ValueError("must be a directory with pg_dump in it")
    return path


def _absolute(text: object) -> object:
    return Path(text).absolute() if isinstance(text, str) else text


def read_days(text: str) -> tuple[date, date] | None:
    """Read one day or a span, like ``2026-12-24`` or ``2026-12-20/2027-01-02``; None when it is neither."""
    first, slash, last = text.partition("/")
    last = last if slash else first
    if not _DAY.fullmatch(first) or not _DAY.fullmatch(last):
        return None
    try:
        span = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return span if span[0] <= span[1] else None


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$]*"

Text = Annotated[str, satisfying(str.strip, "a text that is not empty")]
WebAddress = Annotated[str, satisfying(_is_web_address, "an http:// or https:// address without user or password")]
Variable = Annotated[str, AfterValidator(check_variable)]
SlackAddress = Annotated[WebAddress, AfterValidator(lambda address: f"{address.rstrip('/')}/")]
ServerAddress = Annotated[WebAddress, AfterValidator(lambda address: address.rstrip("/"))]
Directory = Annotated[Path, BeforeValidator(_absolute), AfterValidator(_directory)]
ToolDirectory = Annotated[Path, BeforeValidator(_absolute), AfterValidator(_tool_directory)]
SecretFile = Annotated[Path, BeforeValidator(_absolute), AfterValidator(check_file)]

TeamId = Annotated[str, matching(r"[TE][A-Z0-9]{2,}", "a workspace's id, T…")]
ChannelId = Annotated[str, matching(r"[CG][A-Z0-9]{2,}", "a channel's id, C… (not its name)")]
Approver = Annotated[str, matching(r"usergroup:S[A-Z0-9]+|user:[UW][A-Z0-9]+", "usergroup:S… or user:U…")]

EnvironmentName = Annotated[str, matching(r"[a-z][a-z0-9]{0,19}", "small letters and digits, as backups' names begin")]
KubernetesName = Annotated[str, matching(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", "a Kubernetes name")]
Bucket = Annotated[str, matching(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", "a bucket's name")]
KeyPrefix = Annotated[str, matching(r"([A-Za-z0-9._\-]{1,40}/){1,4}", "the beginning of a key, such as anchors/")]
Column = Annotated[str, matching(_IDENTIFIER, "a plain SQL name")]
Table = Annotated[str, matching(rf"({_IDENTIFIER}\.)?{_IDENTIFIER}", "a plain SQL name, perhaps with its schema")]
Schema = Annotated[str, matching(r"0*[1-9]\d{0,17}", 'a schema version in quotes, like "027"')]
TopSchema = Annotated[str, matching(r"0*[1-9]\d{0,17}|latest", 'a schema version in quotes, like "027", or "latest"')]
AppPattern = Annotated[str, satisfying(is_pattern, "like v1.3.x, v1.x or v1.3.0")]
Cron = Annotated[str, AfterValidator(cron.check)]
TimeZone = Annotated[str, AfterValidator(cron.check_zone)]
DrillName = Annotated[str, matching(r"[a-z0-9][-a-z0-9]{0,59}", "small letters, digits and dashes, 60 at the most")]
Days = Annotated[str, satisfying(read_days, 'a day, like "2026-12-24", or two, like "2026-12-20/2027-01-02"')]
UrlPath = Annotated[str, matching(r"/\S*", 'a path that begins with "/"')]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"(?:[a-z0-9][a-z0-9.\-]{{0,252}}/)?{_LABEL}"
_TERM = (
    rf"(?:!\s*{_LABEL_KEY}|{_LABEL_KEY}(?:\s*(?:=|==|!=)\s*(?:{_LABEL})?|\s*[<>]\s*\d+"
    rf"|\s+(?:in|notin)\s*\(\s*{_LABEL}(?:\s*,\s*{_LABEL})*\s*\))?)"
)
LabelSelector = Annotated[
    str,
    matching(rf"(?:\s*{_TERM}\s*(?:,\s*{_TERM}\s*)*)?", 'a label selector, like "app=postgres" or "tier in (db, pg)"'),
]

Port = Annotated[int, within(1, 65_535)]
Seconds = Annotated[int, within(1, 31_536_000)]
Deadline = Annotated[float, within(0.01, 86_400)]

"""Reads from a connection string which database it names; the result is never shown to anyone."""

# The driver would do it better, but only its adapter can import it.

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = {"postgresql", "postgres"}
_PAIR = re.compile(
    r"\s*(?P<key>[a-z_]+)\s*=\s*(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?P<plain>(?:[^\s'\\]|\\.)*))(?=\s|$)\s*"
)
_DEFAULT_PORT = "5432"


@dataclass(frozen=True)
class Target:
    """The database that a connection string names, as far as its text tells."""

    host: str
    port: str
    database: str


def parse_dsn(dsn: str) -> Target | None:
    """Read a ``postgresql://`` URI or libpq's ``key=value`` words; None when it is neither or names no database."""
    scheme = dsn.partition("://")[0].strip()
    words = _read_uri(dsn.strip()) if scheme in _SCHEMES else _read_words(dsn)
    if not words or not words.get("dbname"):
        return None
    host, port = words.get("host", ""), words.get("port") or _DEFAULT_PORT
    if not all(item.isdigit() for item in port.split(",") if item):
        return None
    return Target(host.lower(), port, words["dbname"])


def _read_uri(dsn: str) -> Mapping[str, str]:
    try:
        parts = urlsplit(dsn)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        return {}
    hosts = [_host_and_port(item) for item in parts.netloc.rpartition("@")[2].split(",")]
    return {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(port for _, port in hosts if port),
        "dbname": unquote(parts.path.removeprefix("/")),
    } | query


def _host_and_port(text: str) -> tuple[str, str]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):  # an IPv6 address has colons inside its brackets
        return unquote(text).strip("[]"), ""
    return unquote(host).strip("[]"), port


def _read_words(dsn: str) -> Mapping[str, str]:
    words, position = {}, 0
    while position < len(dsn.rstrip()):
        match = _PAIR.match(dsn, position)
        if match is None:
            return {}
        quoted = match["quoted"]
        words[match["key"]] = re.sub(r"\\(.)", r"\1", match["plain"] if quoted is None else quoted)
        position = match.end()
    return words

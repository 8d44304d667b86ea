"""Signs the outbox's rows, and checks them before they are sent, so that nobody else can make the bot speak.

Three signatures, because they are made at different times: where a message goes (when it is put first; it never
changes), what it says (each time it is put), and where in Slack it is (when it has been posted).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from bot.domain.signing import Keyring, Purpose
from bot.errors import PermanentError

_ADDRESS = ("key", "channel", "thread_key", "run_id", "surface")
_CONTENT = ("key", "text", "user_id", "response_url", "replace_original", "attachment_name", "attachment_title")
_POSTED = ("key", "run_id", "channel", "ts")


def sign_row(keyring: Keyring, row: Mapping[str, Any], blocks: object) -> dict[str, str]:
    """Sign a message that is put; returns its columns `signature` and `address_signature`.

    Args:
        keyring: signs.
        row: the message's other columns.
        blocks: its blocks, in JSON's types.
    """
    return {
        "signature": keyring.sign(Purpose.MESSAGE, _content(row, blocks, str(row["attachment_digest"]))),
        "address_signature": keyring.sign(Purpose.ADDRESS, _pick(row, _ADDRESS)),
    }


def sign_without_url(keyring: Keyring, row: DictRow) -> str:
    """Sign what the message says once more, for when its response_url no longer works."""
    return keyring.sign(Purpose.MESSAGE, _content({**row, "response_url": ""}, row["blocks"], ""))


def sign_posted(keyring: Keyring, row: Mapping[str, Any], ts: str) -> str:
    """Sign where in Slack a message is."""
    return keyring.sign(Purpose.POSTED, _pick({**row, "ts": ts}, _POSTED))


def is_posted_there(keyring: Keyring, row: Mapping[str, Any]) -> bool:
    """Tell if the bot itself has noted that the message is there."""
    return keyring.is_valid(Purpose.POSTED, _pick(row, _POSTED), str(row["posted_signature"]))


def check_row(keyring: Keyring, row: DictRow) -> None:
    """Check a message that is about to be sent or edited.

    Raises:
        PermanentError: ``forged-message``.
    """
    attachment = row.get("attachment")
    digest = "" if attachment is None else hashlib.sha256(bytes(attachment)).hexdigest()
    content = _content(row, row["blocks"], digest)
    genuine = keyring.is_valid(Purpose.MESSAGE, content, row["signature"]) and keyring.is_valid(
        Purpose.ADDRESS, _pick(row, _ADDRESS), row["address_signature"]
    )
    if not genuine:
        raise PermanentError(
            "forged-message",
            "Backstop has not written this message, or an earlier version has. It was not sent.",
            "Find out who writes to the outbox in the state database.",
        )


def _content(row: Mapping[str, Any], blocks: object, attachment_digest: str) -> dict[str, Any]:
    picked = _pick({"attachment_name": "", "attachment_title": "", **row}, _CONTENT)
    return picked | {"blocks": blocks, "attachment_digest": attachment_digest}


def _pick(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names}

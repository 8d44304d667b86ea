"""Builds the storage adapter's errors: the store's answers, translated, and refusals of bundles."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as LinkError

from bot.errors import BotError, PermanentError, TemporaryError

_FORBIDDEN = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "Unauthorized",
        "401",
        "403",
    }
)
_BUSY = frozenset(
    {"ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"}
)
_ABSENT = frozenset({"NoSuchKey", "NotFound", "404"})
_TAKEN = frozenset({"PreconditionFailed", "412"})
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError)
NAME_CHARS = 80
_UNSAFE_HINT = "Nothing of it was kept. Find out who put it into the bucket, and choose another backup."
_DAMAGED_HINT = "Choose another backup, or repeat this if it was just being written."
_UNKNOWN_HINT = "A bundle is a .tar.gz of one pg_dump: plain SQL, custom, tar or directory format."
_FOREIGN_HINT = "Restore it in the environment it was taken from."
_RETRY_HINT = "Try again in a moment; if it lasts, check that the store is up and can be reached."


@contextmanager
def translated(bucket: str) -> Iterator[None]:
    """Translate botocore's exceptions into ours.

    Raises:
        PermanentError: ``bucket-not-found``, ``storage-forbidden``, ``object-not-found``, ``backup-exists`` (a
            conditional write found something there), ``storage-refused``.
        TemporaryError: ``storage-unavailable``.
    """
    try:
        yield
    except ClientError as error:
        raise _translate_answer(error, bucket) from error
    except _NO_CREDENTIALS as error:
        raise PermanentError(
            "storage-forbidden",
            f"There are no usable credentials for bucket {bucket}.",
            "Set the environment's storage credentials.",
        ) from error
    except (LinkError, HTTPClientError, IncompleteReadError) as error:  # refused, reset, timed out, cut short
        raise _unavailable(bucket, type(error).__name__) from error
    except BotoCoreError as error:
        name = type(error).__name__  # a fault of the configuration: an impossible bucket name, a malformed endpoint
        raise PermanentError("storage-refused", f"A request for bucket {bucket} could not be made ({name}).") from error


def read_code(error: ClientError) -> str:
    """Read the store's error code; for an answer without a body (to a HEAD) the HTTP status, e.g. ``404``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_absent(error: ClientError) -> bool:
    """Tell whether the store answered that the object is not there."""
    return read_code(error) in _ABSENT


def unsafe(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-unsafe``: the bundle is hostile, or not of our making."""
    return PermanentError("bundle-unsafe", _sentence(reason, member), _UNSAFE_HINT)


def damaged(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-damaged``: the bundle is not what was stored."""
    return PermanentError("bundle-damaged", _sentence(reason, member), _DAMAGED_HINT)


def unknown(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-unknown``: the bundle holds no dump."""
    return PermanentError("bundle-unknown", f"The bundle holds no dump. {_sentence(reason, member)}", _UNKNOWN_HINT)


def foreign(reason: str) -> PermanentError:
    """``bundle-foreign``: the bundle is another environment's."""
    return PermanentError("bundle-foreign", reason, _FOREIGN_HINT)


def scratch_full() -> PermanentError:
    """``scratch-full``: there is no room to unpack the bundle."""
    return PermanentError(
        "scratch-full",
        "The bundle does not fit into the free space of the scratch directory.",
        "Free space there, or point scratch_dir at a larger disk.",
    )


def _translate_answer(error: ClientError, bucket: str) -> BotError:
    # The code and never the text: a server may echo an access key or a signed URL there.
    code = read_code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return PermanentError(
            "bucket-not-found",
            f"There is no bucket {bucket}.",
            "Create it, or correct the environment's backups.bucket.",
        )
    if code in _FORBIDDEN:
        return PermanentError(
            "storage-forbidden",
            f"The store refused our access to bucket {bucket} ({code}).",
            "Check the environment's storage credentials and the bucket's policy.",
        )
    if code in _TAKEN:
        return PermanentError("backup-exists", f"Bucket {bucket} already holds that object.", "Choose another label.")
    if code in _BUSY or status >= 500 or status == 429:  # noqa: PLR2004 -- HTTP's own numbers
        return _unavailable(bucket, code or str(status))
    if code in _ABSENT:
        return PermanentError("object-not-found", f"That object is not in bucket {bucket}.")
    return PermanentError("storage-refused", f"The store refused a request for bucket {bucket} ({code or status}).")


def _unavailable(bucket: str, why: str) -> TemporaryError:
    return TemporaryError("storage-unavailable", f"The store of bucket {bucket} does not answer ({why}).", _RETRY_HINT)


def _sentence(reason: str, member: str | None) -> str:
    return reason if member is None else f"Member {_quote(member)} {reason}"


def _quote(name: str) -> str:
    """Escape a member's name, and cut it to `NAME_CHARS`."""
    text = ascii(name)
    return text if len(text) <= NAME_CHARS else f"{text[: NAME_CHARS - 3]}..."

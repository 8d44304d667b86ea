"""The store's refusals, as errors a person can act on.

Messages carry the store's error code and never its text: a server may echo an access key or a signed URL there.
"""

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
_RETRY_HINT = "Try again in a moment; if it lasts, check that the store is up and can be reached."


@contextmanager
def translated(bucket: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours.

    Raises:
        PermanentError: ``bucket-not-found``, ``storage-forbidden``, ``object-not-found``, ``backup-exists`` (a
            conditional write found something there), ``storage-refused``.
        TemporaryError: ``storage-unavailable``.
    """
    try:
        yield
    except ClientError as error:
        raise _of_answer(error, bucket) from error
    except _NO_CREDENTIALS as error:
        raise PermanentError(
            "storage-forbidden",
            f"There are no usable credentials for bucket {bucket}.",
            "Set the environment's storage credentials.",
        ) from error
    except (LinkError, HTTPClientError, IncompleteReadError) as error:  # refused, reset, timed out, cut short
        raise _unavailable(bucket, type(error).__name__) from error
    except BotoCoreError as error:
        name = type(error).__name__  # ours to mend: an impossible bucket name, a malformed endpoint
        raise PermanentError("storage-refused", f"A request for bucket {bucket} could not be made ({name}).") from error


def code_of(error: ClientError) -> str:
    """The store's error code; for an answer without a body (to a HEAD) the HTTP status, e.g. ``404``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_absent(error: ClientError) -> bool:
    """Whether it says that the object is not there."""
    return code_of(error) in _ABSENT


def _of_answer(error: ClientError, bucket: str) -> BotError:
    code = code_of(error)
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

"""Signs the small documents of a bucket, and checks them: sidecars, verifications, indexes of exports."""

import hashlib
import re

from bot.domain.signing import Keyring, Purpose, SignatureState
from bot.errors import PermanentError

_END = b"\n}\n"
_SIGNED_END = re.compile(rb',\n  "signature": "([^"\\\n]{1,200})"\n}\n\Z')
_LONGEST_END_BYTES = 256


class DocumentSigner:
    """Signs one environment's documents.

    The signature is a document's last member. It covers every byte before it, the document's key and its environment:
    bytes, so that a later release which knows more fields still verifies it; key and environment, so that it is worth
    nothing under another name. A document of another layout has no signature.

    Args:
        keyring: its first key signs.
        environment: its name.
    """

    def __init__(self, keyring: Keyring, environment: str) -> None:
        self._keyring = keyring
        self._environment = environment

    def sign(self, purpose: Purpose, key: str, document: bytes) -> bytes:
        """Add the signature to a JSON object that ends with ``}`` on a line of its own.

        Raises:
            ValueError: it ends in another way.
        """
        if not document.endswith(_END):
            raise ValueError(key)
        head = document.removesuffix(_END)
        signature = self._keyring.sign(purpose, self._fields(key, head))
        return b"".join([head, b',\n  "signature": "', signature.encode(), b'"', _END])

    def check(self, purpose: Purpose, key: str, document: bytes) -> SignatureState:
        """Check a document that was read under a key of the bucket."""
        start = max(0, len(document) - _LONGEST_END_BYTES)
        match = _SIGNED_END.search(document, start)
        if match is None:
            return SignatureState.UNSIGNED
        # The keyring takes text; what is none is no signature either.
        signature = match[1].decode(errors="replace")
        return self._keyring.check(purpose, self._fields(key, memoryview(document)[: match.start()]), signature)

    def _fields(self, key: str, head: bytes | memoryview) -> dict[str, str]:
        return {"environment": self._environment, "key": key, "sha256": hashlib.sha256(head).hexdigest()}


def refuse_wrong(name: str, state: SignatureState) -> None:
    """Refuse to sign what has a wrong signature: it was ours once, and was changed or moved.

    Raises:
        PermanentError: ``bundle-not-signable``.
    """
    if state is SignatureState.WRONG:
        raise not_signable(f"{name} has a signature that is not its own: it was changed, or moved here from elsewhere.")


def not_signable(why: str) -> PermanentError:
    """Make the refusal to sign."""
    return PermanentError(
        "bundle-not-signable",
        f"It was not signed. {why}",
        "Restore what it should be from the bucket's versions. A backup that somebody else made is restored by its own "
        "name, with two people's approval.",
    )

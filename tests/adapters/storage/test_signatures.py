"""A document's signature: where it stands, what it covers, and that nothing else can be made of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.storage.signatures import DocumentSigner
from bot.domain.signing import Purpose, SignatureState
from tests.fakes.keyring import KEYRING, STRANGERS

SIGNER = DocumentSigner(KEYRING, "prod")
DOCUMENT = b'{\n  "a": {\n    "b": 1\n  }\n}\n'
KEY = "prod_x.manifest.json"


def test_it_is_the_documents_last_member() -> None:
    signed = SIGNER.sign(Purpose.BUNDLE, KEY, DOCUMENT)
    assert list(json.loads(signed)) == ["a", "signature"]
    assert SIGNER.check(Purpose.BUNDLE, KEY, signed) is SignatureState.VALID


@pytest.mark.parametrize(
    ("signer", "purpose", "key"),
    [
        (SIGNER, Purpose.NOTE, KEY),
        (SIGNER, Purpose.BUNDLE, "prod_y.manifest.json"),
        (DocumentSigner(KEYRING, "dev"), Purpose.BUNDLE, KEY),
        (DocumentSigner(STRANGERS, "prod"), Purpose.BUNDLE, KEY),
    ],
)
def test_it_is_worth_nothing_elsewhere(signer: DocumentSigner, purpose: Purpose, key: str) -> None:
    signed = SIGNER.sign(Purpose.BUNDLE, KEY, DOCUMENT)
    assert signer.check(purpose, key, signed) is SignatureState.WRONG


@pytest.mark.parametrize("document", [b"", b"{}", b"{}\n", b'{"a": 1}', b"[]\n"])
def test_another_layout_is_not_signed(document: bytes) -> None:
    with pytest.raises(ValueError, match=KEY):
        SIGNER.sign(Purpose.BUNDLE, KEY, document)
    assert SIGNER.check(Purpose.BUNDLE, KEY, document) is SignatureState.UNSIGNED


@given(st.integers(0), st.binary(max_size=3))
def test_any_change_is_noticed(at: int, change: bytes) -> None:
    signed = SIGNER.sign(Purpose.BUNDLE, KEY, DOCUMENT)
    start = at % len(signed)
    changed = signed[:start] + change + signed[start + 1 :]
    state = SIGNER.check(Purpose.BUNDLE, KEY, changed)
    assert (state is SignatureState.VALID) == (changed == signed)


def test_a_signature_in_no_known_letters_is_wrong() -> None:
    forged = DOCUMENT.removesuffix(b"\n}\n") + b',\n  "signature": "test:\xff\xfe"\n}\n'
    assert SIGNER.check(Purpose.BUNDLE, KEY, forged) is SignatureState.WRONG

"""What speaks against a bundle's origin is in the plan's digest and at the top of its warnings."""

from dataclasses import replace

import pytest

from bot.domain.backups import Backup, Origin, TableContent, Verification
from bot.domain.place import DatabaseIdentity
from bot.domain.signing import SignatureState
from bot.planning.bundle_doubts import find_doubts, row_warnings, signature_doubt
from tests.engine.backups.requests import made
from tests.fakes.clock import NOON
from tests.planning.case import DEFAULT, facts_of

SERVER = "7301"
DATABASE = replace(facts_of(DEFAULT).database, name="clinic", identity=DatabaseIdentity("clinic", 5, SERVER))
OURS = made(1)
FOREIGN = made(1, manifest=False)


def of(origin: Origin | None) -> Backup:
    assert OURS.manifest is not None
    return replace(OURS, manifest=replace(OURS.manifest, origin=origin))


@pytest.mark.parametrize(
    "origin", [None, Origin("clinic", SERVER), Origin("clinic", SERVER, 9), Origin("clinic"), Origin("clinic", "")]
)
def test_nothing_speaks_against_our_own(origin: Origin | None) -> None:
    """An OID is another after every restore, and a server may not say who it is."""
    assert find_doubts(of(origin), DATABASE) == ()


@pytest.mark.parametrize("origin", [Origin("clinic", "99"), Origin("other", SERVER), Origin("other")])
def test_another_database(origin: Origin) -> None:
    (doubt,) = find_doubts(of(origin), DATABASE)
    assert doubt.approved == f"bundle-of-another-database: {origin}"
    assert f"was taken from {origin}, and this is clinic on server {SERVER}." in doubt.warning


@pytest.mark.parametrize("state", [state for state in SignatureState if state is not SignatureState.VALID])
def test_each_state_of_a_signature_is_another_doubt(state: SignatureState) -> None:
    (doubt,) = find_doubts(replace(OURS, signature=state), DATABASE)
    assert doubt.approved == f"bundle-unsigned: {state.value}" == signature_doubt(replace(OURS, signature=state))
    assert doubt.warning.startswith(f"NOT MADE BY BACKSTOP: {OURS.name} ")
    assert signature_doubt(OURS) == ""


def test_without_a_manifest_level_3_says_what_it_compared() -> None:
    verified = Verification(3, NOON, schema_version=27, compared="compared with the live database: 2 of 2 tables")
    _, doubt = find_doubts(replace(FOREIGN, verified=verified), DATABASE)
    assert doubt.warning.endswith("Level 3 has restored it, compared with the live database: 2 of 2 tables.")
    _, doubt = find_doubts(FOREIGN, DATABASE)
    assert doubt.warning.endswith("Level 3 has restored it, and compared it with nothing.")


def test_rows_that_are_far_off_are_named() -> None:
    found = Verification(3, NOON, tables=(TableContent("public.patients", 40), TableContent("public.visits", 399)))
    live = {"public.patients": 80, "public.visits": 400}
    assert row_warnings(replace(FOREIGN, verified=found), live) == (
        "Rows far from those of the live database: public.patients 80 → 40 (now → then).",
    )
    assert row_warnings(FOREIGN, live) == ()
    assert row_warnings(OURS, live) == (), "an old backup of ours has other rows, and says so as always"

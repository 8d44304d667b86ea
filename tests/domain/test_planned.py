"""Proofs in a plan: a chain is as proven as its least proven script."""

from datetime import timedelta

from bot.domain.planned import PlannedProof, Proof, ProvenScript
from tests.fakes.clock import NOON

NEW, OLD = Proof(NOON - timedelta(days=1), "dabcde"), Proof(NOON - timedelta(days=9), "dfghjk")
PROVEN = PlannedProof(
    NOON,
    (ProvenScript(27, "027_flags", NEW), ProvenScript(26, "026_tracking", OLD), ProvenScript(25, "025_rooms", None)),
)


def test_the_oldest_proof_counts() -> None:
    assert PROVEN.oldest == OLD
    assert PlannedProof(NOON).oldest is None


def test_scripts_without_a_proof_are_named() -> None:
    assert [script.version for script in PROVEN.unproven] == [25]

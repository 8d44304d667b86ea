"""Where a plan applies is part of what people vote for."""

from dataclasses import replace

import pytest

from bot.domain.environments import ApprovalPolicy, BackupTarget
from bot.domain.place import ClusterIdentity, DatabaseIdentity, PlannedPlace, place_differences, place_of
from tests.domain.plans import PLAN

DATABASE = DatabaseIdentity("physioflow", 16384, "7713978625258261859", 3, "ab" * 32)
CLUSTER = ClusterIdentity("physioflow-prod", "uid-1", "cd" * 32)
POLICY = ApprovalPolicy(2, ("usergroup:S2", "user:U1"))
PLACE = place_of(DATABASE, CLUSTER, BackupTarget("backups", "https://s3.example/"), POLICY)

MOVES = {
    "another server": (
        replace(PLACE, database=replace(DATABASE, server="1")),
        "The database is another one: it is on server 1, and the approved one on 7713978625258261859.",
    ),
    "made again": (
        replace(PLACE, database=replace(DATABASE, oid=7)),
        "The database is another one: the server has physioflow with OID 7, and the approved one was physioflow with",
    ),
    "dropped": (
        replace(PLACE, database=replace(DATABASE, oid=0)),
        "The database is another one: the server has no physioflow, and the approved one was physioflow with OID",
    ),
    "failed over": (
        replace(PLACE, database=replace(DATABASE, timeline=4)),
        "The database is another one: its server is on timeline 4, and was on 3: it has failed over, or was restored.",
    ),
    "another name": (
        replace(PLACE, database=replace(DATABASE, name="other", oid=8)),
        "The database is another one: it was physioflow, and is other now.",
    ),
    "another DSN": (
        replace(PLACE, database=replace(DATABASE, address="ef" * 32)),
        "The database is another one: its DSN leads to another address.",
    ),
    "a right was taken away": (
        replace(PLACE, database=replace(DATABASE, server="")),
        "The database is another one: its server says more or less of itself.",
    ),
    "another namespace": (
        replace(PLACE, cluster=replace(CLUSTER, namespace="other", uid="uid-2")),
        "The namespace is another one: it was physioflow-prod, and is other now.",
    ),
    "a namespace made again": (
        replace(PLACE, cluster=replace(CLUSTER, uid="uid-2")),
        "The namespace is another one: a namespace physioflow-prod with another UID.",
    ),
    "another cluster": (
        replace(PLACE, cluster=replace(CLUSTER, address="ef" * 32)),
        "The cluster is another one: physioflow-prod is reached at another API server.",
    ),
    "another bucket": (
        replace(PLACE, bucket="other"),
        "The bucket is another one: https://s3.example/backups, now other.",
    ),
    "fewer votes": (
        replace(PLACE, quorum=1),
        "Other people decide: 2 of user:U1, usergroup:S2, the requester's vote does not count; now 1 of user:U1,",
    ),
    "other approvers": (replace(PLACE, approvers=("user:U9",)), "now 2 of user:U9"),
    "the requester too": (replace(PLACE, requester_votes=True), "now 2 of user:U1, usergroup:S2, the requester's vote"),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_voids_the_votes_and_is_named(name: str) -> None:
    place, line = MOVES[name]
    voted, now = replace(PLAN, place=PLACE), replace(PLAN, place=place)
    assert now.digest != voted.digest
    assert len(voted.differences(now)) == 1
    assert line in voted.differences(now)[0]


def test_every_field_is_in_the_digest() -> None:
    assert set(PlannedPlace.__dataclass_fields__) == {
        "database", "cluster", "bucket", "quorum", "approvers", "requester_votes",
    }  # fmt: skip
    facts = PLACE.approved_facts()
    assert facts["database"] == [getattr(DATABASE, field) for field in DatabaseIdentity.__dataclass_fields__]
    assert facts["cluster"] == [getattr(CLUSTER, field) for field in ClusterIdentity.__dataclass_fields__]


def test_the_order_of_approvers_says_nothing() -> None:
    turned = replace(POLICY, approvers=POLICY.approvers[::-1])
    assert place_of(DATABASE, CLUSTER, BackupTarget("backups", "https://s3.example"), turned) == PLACE


def test_a_plan_without_a_place_has_its_old_digest_and_a_new_one_voids_it() -> None:
    assert "place" not in PLAN.approved_facts()
    now = replace(PLAN, place=PLACE)
    assert PLAN.differences(now) == ("The plan did not say where it applies, and does now.",)
    assert now.digest != PLAN.digest
    assert place_differences(None, None) == place_differences(PLACE, PLACE) == ()


def test_what_one_side_cannot_read_makes_no_database_another_one() -> None:
    assert replace(DATABASE, server="", timeline=0).other_than(DATABASE) == ""
    assert DATABASE.without_timeline.other_than(replace(DATABASE, timeline=4)) == ""

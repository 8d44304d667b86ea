"""Which backup `latest` is, and what is said of those that it is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.backups import Backup, BackupName, StoredObject, Verification
from bot.domain.signing import SignatureState
from bot.planning.restore import newest_restorable, passed_over

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PROVEN, FAULTY = Verification(3, NOON, schema_version=26), Verification(1, NOON, "cut short")


def backup(hours_old: int, verified: Verification | None = PROVEN) -> Backup:
    name = BackupName("prod", f"h{hours_old}", NOON - timedelta(hours=hours_old))
    return Backup(name, StoredObject(f"{name}.tar.gz", 1), None, verified, SignatureState.VALID)


def test_each_that_is_newer_is_named_with_what_speaks_against_it() -> None:
    backups = [
        backup(1, FAULTY),
        replace(backup(2, None), signature=SignatureState.UNSIGNED),
        backup(3, replace(PROVEN, schema_version=0)),
        backup(24),
    ]
    chosen = newest_restorable(backups, "prod")
    assert chosen == backups[3]
    (told,) = passed_over(backups, chosen)
    assert told == (
        "3 newer backups were passed over: prod_h1_20260301_110000 failed its verification; "
        "prod_h2_20260301_100000 was not made by Backstop; "
        "prod_h3_20260301_090000 has an unknown schema. /backups prod lists them."
    )


def test_of_many_three_are_named() -> None:
    backups = [*(backup(hours, FAULTY) for hours in range(1, 10)), backup(24)]
    (told,) = passed_over(backups, backups[-1])
    assert told.startswith("9 newer backups were passed over: ")
    assert told.endswith("; and 6 more. /backups prod lists them.")
    assert passed_over(backups[-2:], backups[-1])[0].startswith("1 newer backup was passed over: ")


def test_nothing_is_said_of_a_choice_among_good_ones_or_of_the_newest() -> None:
    backups = [backup(1), backup(2, FAULTY), backup(3)]
    assert passed_over(backups, backups[0]) == ()
    assert passed_over(backups, backups[2]) == ()
    assert passed_over(backups, backup(99)) == ()

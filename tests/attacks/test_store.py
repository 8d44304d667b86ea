"""Somebody can write to the bucket and has no key: whatever they do is refused, or shown to those who approve."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.storage import connect
from bot.domain.backups import Backup, Origin, Verification
from bot.domain.environments import BackupTarget
from bot.domain.place import DatabaseIdentity
from bot.domain.signing import KEY_BYTES, Keyring, Purpose, SignatureState
from bot.errors import PermanentError
from bot.planning.bundle_doubts import NO_MANIFEST, OTHER_DATABASE, find_doubts
from bot.planning.restore import check_restorable, newest_restorable
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.bucket import KEYS, ignore
from tests.attacks.vault import (
    KEYRING,
    NOON,
    OTHER_KEY,
    ROTATED,
    RUN,
    STRANGERS,
    Vault,
    bundle,
    index,
    manifest,
    sidecar,
)
from tests.planning.case import DEFAULT, facts_of

FACTS = facts_of(DEFAULT)
LIVE = replace(FACTS.database, name="physioflow_prod", identity=DatabaseIdentity("physioflow_prod", 1, "7301"))
_NUMBERS = itertools.count(1)
Attack = Callable[[Vault], object]


@pytest.fixture
def vault(objectstore: ObjectStore, tmp_path: Path) -> Iterator[Vault]:
    dump = tmp_path / "dump"
    dump.mkdir()
    (dump / "toc.dat").write_bytes(b"PGDMP" + bytes(100))
    (dump / "3412.dat").write_bytes(b"1\tAnna\n2\tBo\n" * 500)
    name = f"attacked-{next(_NUMBERS)}"
    target = BackupTarget(name, objectstore.endpoint_url)
    client = connect(target, KEYS)
    client.create_bucket(Bucket=name)  # without versions
    made = Vault(client, target, dump)
    made.fill()
    yield made
    client.close()


def test_untouched_it_is_ours(vault: Vault) -> None:
    backup = vault.found()
    assert (backup.signature, find_doubts(backup, LIVE)) == (SignatureState.VALID, ())
    assert newest_restorable(vault.store().list_backups(), "prod", LIVE) == backup
    assert vault.saved().rows == 1


def set_rows(vault: Vault) -> None:
    vault.edit(sidecar(vault.newest), lambda document: document["tables"][0].update(rows=40))


def add_garbage(vault: Vault) -> None:
    key = sidecar(vault.newest)
    vault.write(key, vault.read(key) + b" ")


def sign_twice(vault: Vault) -> None:
    """A second document behind the first one's signature."""
    key = sidecar(vault.newest)
    whole = vault.read(key)
    head, mark, signature = whole.rpartition(b',\n  "signature"')
    vault.write(key, head + mark + signature.removesuffix(b"\n}\n") + b',\n  "schema_version": 1' + mark + signature)


def move_older_sidecar(vault: Vault) -> None:
    vault.copy(sidecar(vault.older), sidecar(vault.newest))


def move_older_bundle(vault: Vault) -> None:
    vault.copy(bundle(vault.older), bundle(vault.newest))
    move_older_sidecar(vault)


def move_signature(vault: Vault) -> None:
    """The older one's signature under the newest one's own text."""
    other = vault.read(sidecar(vault.older)).rpartition(b',\n  "signature"')
    own = vault.read(sidecar(vault.newest)).rpartition(b',\n  "signature"')
    vault.write(sidecar(vault.newest), own[0] + other[1] + other[2])


def move_from_staging(vault: Vault) -> None:
    """Staging's bundle, signed for staging, under production's name."""
    theirs = str(vault.store("staging").put_bundle(vault.dump, manifest("staging"), ignore).name)
    vault.copy(bundle(theirs), bundle(vault.newest))
    vault.copy(sidecar(theirs), sidecar(vault.newest))


MANIFESTS: list[tuple[Attack, SignatureState]] = [
    (set_rows, SignatureState.WRONG),
    (lambda v: v.edit(sidecar(v.newest), lambda d: d.update(schema_version=1)), SignatureState.WRONG),
    (lambda v: v.edit(sidecar(v.newest), lambda d: d["bundle"].update(sha256="ab" * 32)), SignatureState.WRONG),
    (lambda v: v.edit(sidecar(v.newest), lambda d: d["origin"].update(database="other")), SignatureState.WRONG),
    (lambda v: v.unsign(sidecar(v.newest)), SignatureState.UNSIGNED),
    (lambda v: v.write(sidecar(v.newest), b"{}"), SignatureState.UNSIGNED),
    (lambda v: v.write(sidecar(v.newest), b""), SignatureState.UNSIGNED),
    (add_garbage, SignatureState.UNSIGNED),
    (sign_twice, SignatureState.WRONG),
    (lambda v: v.resign(STRANGERS), SignatureState.WRONG),
    (lambda v: v.resign(OTHER_KEY), SignatureState.UNKNOWN_KEY),
    (lambda v: v.resign(KEYRING, purpose=Purpose.NOTE), SignatureState.WRONG),
    (lambda v: v.resign(KEYRING, environment="staging"), SignatureState.WRONG),
    (move_older_sidecar, SignatureState.WRONG),
    (move_older_bundle, SignatureState.WRONG),
    (move_signature, SignatureState.WRONG),
    (move_from_staging, SignatureState.WRONG),
    (Vault.forge_bundle, SignatureState.UNSIGNED),
]


@pytest.mark.parametrize(("attack", "state"), MANIFESTS)
def test_a_bundle_that_is_not_as_it_was_signed_is_never_the_newest(
    vault: Vault, attack: Attack, state: SignatureState
) -> None:
    attack(vault)
    backup = vault.found()
    assert backup.signature is state
    # Listed with which of those, restored only with its own doubt in the digest, and never by itself.
    assert f"bundle-unsigned: {state.value}" in [doubt.approved for doubt in find_doubts(backup, LIVE)]
    newest = vault.store().list_backups()
    assert str(newest[0].name) == vault.newest
    assert str(newest_restorable(newest, "prod", LIVE).name) == vault.older
    searched = vault.store().newest_before(28).found
    assert searched is not None
    assert str(searched.name) == vault.older


def replace_object(vault: Vault) -> None:
    """Another object of the same size under the key, in a bucket that keeps no versions."""
    content = bytearray(vault.read(bundle(vault.newest)))
    content[len(content) // 2] ^= 1
    vault.write(bundle(vault.newest), bytes(content))


def test_an_object_of_the_same_size_is_refused_when_it_is_read(vault: Vault, tmp_path: Path) -> None:
    replace_object(vault)
    backup = vault.found()
    with pytest.raises(PermanentError, match=r"^bundle-damaged"):
        vault.store().fetch(backup, tmp_path / "fetched", ignore)


def test_where_the_bucket_keeps_versions_the_signed_one_is_read(vault: Vault, tmp_path: Path) -> None:
    vault.client.put_bucket_versioning(Bucket=vault.target.bucket, VersioningConfiguration={"Status": "Enabled"})
    vault.newest = str(vault.store().put_bundle(vault.dump, manifest(day=6), ignore).name)
    replace_object(vault)
    assert vault.store().fetch(vault.found(), tmp_path / "fetched", ignore).manifest is not None


def test_an_old_key_that_is_kept_verifies_and_one_that_is_gone_does_not(vault: Vault) -> None:
    assert vault.found(keyring=ROTATED).is_signed
    later = vault.store(keyring=ROTATED).put_bundle(vault.dump, manifest(day=6), ignore)
    assert vault.found(str(later.name)).signature is SignatureState.UNKNOWN_KEY
    only_new = Keyring({"new": b"n" * KEY_BYTES})
    assert vault.found(keyring=only_new).signature is SignatureState.UNKNOWN_KEY
    assert str(newest_restorable(vault.store(keyring=only_new).list_backups(), "prod", LIVE).name) == str(later.name)


@pytest.mark.parametrize("changes", [{}, {"tables": ()}, {"compared": "with everything"}])
def test_a_note_written_by_hand_proves_nothing(vault: Vault, changes: dict[str, Any]) -> None:
    vault.forge_note(**changes)
    backup = vault.found()
    assert (backup.verified, backup.ignored_note) == (None, SignatureState.UNSIGNED)


def test_a_note_of_another_bundle_proves_nothing(vault: Vault) -> None:
    vault.store().store_verification(vault.found(vault.older), Verification(3, NOON, schema_version=26))
    vault.copy(f"{vault.older}.verified.json", f"{vault.newest}.verified.json")
    backup = vault.found()
    assert (backup.verified, backup.ignored_note) == (None, SignatureState.WRONG)


def test_a_note_is_worth_nothing_after_its_text_has_changed(vault: Vault) -> None:
    key = f"{vault.newest}.verified.json"
    vault.store().store_verification(vault.found(), Verification(3, NOON, "bundle-differs: one row"))
    vault.edit(key, lambda document: document.update(problem=""))
    assert (vault.found().verified, vault.found().ignored_note) == (None, SignatureState.WRONG)


def foreign(vault: Vault) -> Backup:
    """A dump that somebody put there, named like a backup."""
    name = "prod_evil_20260106_020000"
    vault.copy(bundle(vault.older), bundle(name))
    return vault.found(name)


def test_a_dump_with_a_forged_proof_is_not_restorable(vault: Vault) -> None:
    backup = foreign(vault)
    vault.forge_note(str(backup.name))
    backup = vault.found(str(backup.name))
    with pytest.raises(PermanentError, match=r"^backup-not-restorable: .* beside it has no signature") as error:
        check_restorable(FACTS, backup)
    assert f"verify {backup.name} 3" in error.value.hint
    assert str(newest_restorable(vault.store().list_backups(), "prod", LIVE).name) == vault.newest


def test_a_dump_that_level_3_has_restored_keeps_its_doubts(vault: Vault) -> None:
    backup = foreign(vault)
    vault.store().store_verification(backup, Verification(3, NOON, schema_version=26, compared="compared"))
    backup = vault.found(str(backup.name))
    check_restorable(FACTS, backup)
    assert [doubt.approved for doubt in find_doubts(backup, LIVE)] == ["bundle-unsigned: unsigned", NO_MANIFEST]
    assert str(newest_restorable(vault.store().list_backups(), "prod", LIVE).name) == vault.newest


@pytest.mark.parametrize("key", ["prod_index.json", "index.json", "catalogue.json", ".backstop/index.json"])
def test_nobody_asks_an_index(vault: Vault, key: str) -> None:
    """What there is comes from the store's own listing, so a forged index is one object more."""
    before = vault.store().list_backups()
    vault.write(key, b'{"backups": []}')
    assert vault.store().list_backups() == before


@pytest.mark.parametrize("origin", [Origin("physioflow_prod", "9999"), Origin("physioflow_dev", "7301")])
def test_a_bundle_of_another_database_is_named_and_never_chosen(vault: Vault, origin: Origin) -> None:
    """Signed, and in the right bucket: somebody has dumped the wrong database."""
    wrong = replace(manifest(day=6), origin=origin)
    backup = vault.store().put_bundle(vault.dump, wrong, ignore)
    (doubt,) = find_doubts(backup, LIVE)
    assert doubt.approved == f"{OTHER_DATABASE}: {origin}"
    assert str(newest_restorable(vault.store().list_backups(), "prod", LIVE).name) == vault.newest


def test_a_bundle_of_another_environment_is_refused(vault: Vault) -> None:
    wrong = replace(manifest(day=6), environment="staging")
    backup = vault.store().put_bundle(vault.dump, wrong, ignore)
    with pytest.raises(PermanentError, match=r"^bundle-foreign"):
        vault.store().verify_names(backup, ignore)


def copy_export(vault: Vault) -> None:
    """Another run's export, signed for that run."""
    exports = vault.store().open_export("rother")
    with exports.sink().table("public.flags", ["id", "name"]) as write:
        write(b"id,name\n")
    exports.finish(())
    vault.copy(index("rother"), index())


@pytest.mark.parametrize(
    "attack",
    [
        Vault.forge_export,
        lambda v: v.unsign(index()),
        lambda v: v.edit(index(), lambda d: d.update(tables=[])),
        lambda v: v.edit(index(), lambda d: d["tables"][0].update(rows=2)),
        copy_export,
    ],
)
def test_an_export_that_is_not_as_it_was_signed_is_refused(vault: Vault, attack: Attack) -> None:
    attack(vault)
    with pytest.raises(PermanentError, match=r"^export-unsigned") as error:
        vault.store().open_export(RUN).existing()
    assert "backstop exports sign" in error.value.hint


def test_rows_that_were_changed_are_refused_when_they_are_read(vault: Vault) -> None:
    saved = vault.change_rows()
    with pytest.raises(PermanentError, match=r"^export-damaged"):
        list(vault.store().open_export(RUN).read(saved))


@pytest.mark.parametrize("prefix", ["exports/rabcde/evil/", "exports/rabcde/-1/", "exports/other/", f"{'9' * 5000}/"])
def test_a_forged_index_sends_no_export_elsewhere(vault: Vault, prefix: str) -> None:
    vault.edit(index(), lambda document: document.update(prefix=prefix))
    with pytest.raises(PermanentError, match=r"^export-damaged"):
        vault.store().open_export(RUN).sink()


def test_what_somebody_vouches_for_counts_as_ours(vault: Vault) -> None:
    """A bundle and an export of the release before signatures."""
    vault.unsign(sidecar(vault.newest))
    vault.unsign(index())
    adopted = vault.store().adopt(vault.found(), ignore)
    assert adopted.is_signed
    assert newest_restorable(vault.store().list_backups(), "prod", LIVE) == adopted
    assert vault.store().open_export(RUN).adopt() is not None
    assert vault.saved().rows == 1


@pytest.mark.parametrize("attack", [set_rows, move_signature, lambda v: v.resign(STRANGERS)])
def test_what_has_a_wrong_signature_is_not_signed(vault: Vault, attack: Attack) -> None:
    attack(vault)
    with pytest.raises(PermanentError, match=r"^bundle-not-signable"):
        vault.store().adopt(vault.found(), ignore)


def test_what_cannot_be_read_is_not_signed(vault: Vault) -> None:
    replace_object(vault)
    vault.unsign(sidecar(vault.newest))
    with pytest.raises(PermanentError, match=r"^bundle-damaged"):
        vault.store().adopt(vault.found(), ignore)
    with pytest.raises(PermanentError, match=r"^bundle-not-signable"):
        vault.store().adopt(foreign(vault), ignore)
    vault.change_rows()
    vault.unsign(index())
    with pytest.raises(PermanentError, match=r"^export-damaged"):
        vault.store().open_export(RUN).adopt()

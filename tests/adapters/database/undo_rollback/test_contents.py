"""A dump's contents are read with what each entry needs."""

from bot.adapters.database.undo_rollback.contents import read_entries


def test_a_list_of_contents_is_read_with_what_each_entry_needs() -> None:
    lines = [
        "; Archive created at 2026-02-11",
        "302; 1259 17497 TABLE public feature_flags owner",
        "3286; 0 0 ACL public TABLE feature_flags owner",
        ";\tdepends on: 302 301",
    ]

    table, grants = read_entries(lines)

    assert (table.number, table.catalogue, table.objid, table.needs) == (302, 1259, 17497, frozenset())
    assert (grants.objid, grants.needs) == (0, frozenset({301, 302}))
    assert grants.text == "ACL public TABLE feature_flags owner"

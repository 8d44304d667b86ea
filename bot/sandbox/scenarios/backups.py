"""Takes, lists, shows and verifies backups with `/backups`; damaged and foreign files are rejected."""

import gzip
import io
import json
import tarfile
from typing import Any

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_untouched, observe
from bot.sandbox.story import Story

LABEL = "before-launch"
KILLED_LABEL = "interrupted"
OLD = "prod_nightly_20260105_020000"
OLDER = [f"prod_weekly_202512{day:02}_020000" for day in range(1, 13)]
PLAIN_DUMP = (
    b"-- PostgreSQL database dump\nSET client_encoding = 'UTF8';\n--\n-- PostgreSQL database dump complete\n--\n"
)
UPLOAD_HELD_S = 12.0


def backups(story: Story) -> None:
    """A backup is taken, listed, shown and proven; a second one at once, a damaged and a foreign one are refused."""
    before, littered = observe(story), _scratch(story)
    foreign = _litter(story)
    name = _take(story)
    _look(story, name, foreign)
    _prove(story, name)
    _tamper(story, name)
    story.checks.equal("nothing is left in the scratch directory", _scratch(story), littered)
    _kill(story)
    story.settle()
    check_untouched(story, before)
    for key in [*foreign, f"{name}.tar.gz", f"{name}.manifest.json"]:  # later stories expect a sound bucket
        _client(story).delete_object(Bucket=_bucket(story), Key=key)


def _client(story: Story) -> Any:
    return story.sandbox.store.client()


def _bucket(story: Story) -> str:
    return f"physioflow-backups-{story.environment}"


def _litter(story: Story) -> list[str]:
    """Put into the bucket what others keep there: one old script's backup, and things that are none."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("backup.sql")
        member.size = len(PLAIN_DUMP)
        tar.addfile(member, io.BytesIO(PLAIN_DUMP))
    objects = {
        f"{OLD}.tar.gz": archive.getvalue(),
        **{f"{name}.tar.gz": archive.getvalue() for name in OLDER},
        "staging_nightly_20260105_020000.tar.gz": archive.getvalue(),
        "prod_holiday-photos.tar.gz": gzip.compress(b"beach"),
        "readme.txt": b"hands off",
    }
    for key, body in objects.items():
        _client(story).put_object(Bucket=_bucket(story), Key=key, Body=body)
    return list(objects)


def _take(story: Story) -> str:
    """Take one, delayed on its way into the bucket; a second is refused meanwhile. Returns its name."""
    checks, cast = story.checks, story.cast
    rows = story.database.count("patients")
    _hold_upload(story, LABEL)
    reply = story.command(cast.oncall, f"/backups prod take {LABEL}")
    checks.says("taking is acknowledged at once", reply, "prod", LABEL)
    job_says(story, "takes a backup", LABEL)
    story.command(cast.engineer, "/backups prod take mine")
    reported = story.answer(cast.engineer, "chore-under-way")
    checks.says("a second one at once is refused, with who and since when", reported, "U0ONCALL", "UTC")
    story.slack.clear_faults()
    done = all_text(job_says(story, "Backup of", "taken", LABEL))
    reported = story.answer(cast.oncall, "is taken", f"prod_{LABEL}")
    checks.that(
        "one message, edited in place, says how it went", len(_job_messages(story)) == 1, len(_job_messages(story))
    )
    checks.says("size, tables, rows and time are told", done, "MB" if "MB" in done else "kB", "tables", "rows", "took")
    keys = [key for key in story.bucket.list_keys(f"prod_{LABEL}") if key.endswith(".tar.gz")]
    checks.equal("there is exactly one bundle in the bucket", len(keys), 1)
    checks.equal("nothing of the refused one is there", story.bucket.list_keys("prod_mine"), [])
    bundle = story.bucket.bundle(LABEL)
    counted = {table["table"]: table["rows"] for table in bundle["manifest"]["tables"]}
    checks.that("its manifest is beside it", bundle["sidecar"])
    checks.equal("its manifest counts the patients", counted.get("public.patients"), rows)
    checks.equal("its manifest says which app served", bundle["manifest"]["app_version"], "v1.3.0")
    return keys[0].removesuffix(".tar.gz")


def _hold_upload(story: Story, label: str) -> None:
    """Have the bucket take its time over the first requests that store a backup of that label."""
    for method in ("PUT", "POST"):
        where = {"key_prefix": f"prod_{label}", "method": method}
        story.slack.fault(target="s3", kind="delay", delay_s=UPLOAD_HELD_S, times=1, **where)


def _look(story: Story, name: str, foreign: list[str]) -> None:
    checks, cast = story.checks, story.cast
    story.command(cast.engineer, "/backups prod")
    listed = story.answer(cast.engineer, "Backups of prod", name)
    checks.says("the list shows it with its versions, not verified", listed, "schema 027", "app v1.3.0", "not verified")
    checks.says("an old script's is listed as made elsewhere", listed, OLD, "not made by Backstop: no signature")
    for key in foreign[1 + len(OLDER) :]:
        checks.that(f"{key} is not taken for a backup", key.removesuffix(".tar.gz") not in listed)
    checks.that("newest first", listed.index(name) < listed.index(OLD))
    _turn_page(story, name)
    story.command(cast.engineer, f"/backups prod {LABEL}")
    found = story.answer(cast.engineer, f"with “{LABEL}”")
    checks.that("a part of the name finds it and nothing else", name in found and OLD not in found, found)
    story.command(cast.lead_a, "/backups")
    everywhere = story.answer(cast.lead_a, "the newest")
    checks.says("all environments are shown, the empty ones too", everywhere, name, "dev", "staging", "no backups")
    shown = _show(story, name)
    rows = story.database.count("patients")
    checks.says("its details are shown", shown, "schema 027", "toc.dat", "public.patients", f"{rows:,} rows", "sha256")
    story.command(cast.engineer, f"/backups prod show {name[:-1]}x")
    checks.says("a mistyped name finds the near one", story.answer(cast.engineer, "unknown-backup"), name)


def _listing(story: Story, part: str) -> dict[str, Any]:
    """The engineer's list of backups with that in it."""
    ephemerals = [m for m in story.fresh() if m["addressee"] == story.cast.engineer.user_id]
    return next((m for m in ephemerals if "Backups of prod" in all_text(m) and part in all_text(m)), {})


def _turn_page(story: Story, name: str) -> None:
    checks, engineer = story.checks, story.cast.engineer
    first = _listing(story, name)
    checks.says("the first page ends at the tenth", all_text(first), "1 to 10 of 14", "Older")
    engineer.presses(first, "older_backups")
    second = story.wait(lambda: _listing(story, OLDER[0]), "the second page")
    checks.equal("the second page takes the first one's place", second["ts"], first["ts"])
    checks.that("nothing of the first page is left", name not in all_text(second))
    engineer.presses(second, "newer_backups")
    again = story.wait(lambda: _listing(story, name), "the first page again")
    checks.equal("and the other way round", again["ts"], first["ts"])


def _show(story: Story, name: str) -> str:
    """Press Details in the list, and return the text shown."""
    engineer = story.cast.engineer
    listing = _listing(story, name)
    value = next(
        element["value"]
        for block in listing["blocks"]
        for element in block.get("elements", ())
        if element.get("action_id") == "show_backup" and name in element["value"]
    )
    engineer.presses(listing, "show_backup", value)
    return story.answer(engineer, f"Backup {name}", "toc.dat")


def _prove(story: Story, name: str) -> None:
    checks, cast = story.checks, story.cast
    story.command(cast.engineer, f"/backups prod verify {name}")
    reported = story.answer(cast.engineer, "passed level 2")
    checks.says("level 2 is proven and told", reported, name)
    reply = all_text(job_says(story, "passed level 2", name))
    checks.says("the incident channel is told too", reply, "readable end to end")
    checks.that("the result is kept in the bucket", f"{name}.verified.json" in story.bucket.list_keys(name))
    story.command(cast.lead_b, "/backups prod")
    checks.says("the list says so", story.answer(cast.lead_b, "Backups of prod"), "✔ level 2")
    reply = story.command(cast.engineer, "/backups prod take pre-rollback-027-rk3f9a")
    checks.says("nobody can pass a backup off as a run's own", reply, "label-reserved")


def _tamper(story: Story, name: str) -> None:
    """Put a damaged bundle in its place: its version is pinned, so only a changed sidecar could pass the damage off."""
    checks, cast, key = story.checks, story.cast, f"{name}.tar.gz"
    whole = bytearray(story.bucket.read(key))
    whole[len(whole) // 2] ^= 0xFF
    put = _client(story).put_object(Bucket=_bucket(story), Key=key, Body=bytes(whole))
    story.command(cast.lead_a, f"/backups prod verify {name} 1")
    reported = story.answer(cast.lead_a, "passed level 1")
    checks.says("an overwritten bundle is still read in the version that was taken", reported, name)
    sidecar = json.loads(story.bucket.read(f"{name}.manifest.json"))
    sidecar["bundle"]["version_id"] = put["VersionId"]
    _client(story).put_object(Bucket=_bucket(story), Key=f"{name}.manifest.json", Body=json.dumps(sidecar).encode())
    for times, level in enumerate((1, 2), start=1):
        story.command(cast.lead_a, f"/backups prod verify {name} {level}")
        _wait_refused(story, name, times)
    checks.says("a tampered bundle does not pass, with the reason", all_text(_refused(story, name)[-1]), "bundle-")
    reported = story.answer(cast.lead_a, "did NOT pass")
    checks.says("the requester hears it", reported, name, "bundle-")
    story.command(cast.lead_b, f"/backups prod {LABEL}")
    listed = story.answer(cast.lead_b, f"with “{LABEL}”")
    checks.says("the list says so", listed, "✗ level 1")


def _kill(story: Story) -> None:
    """Kill the bot in the middle of an upload: the backup starts again and completes exactly once."""
    checks, prefix = story.checks, f"prod_{KILLED_LABEL}"
    _hold_upload(story, KILLED_LABEL)
    before = set(_scratch(story))
    story.command(story.cast.lead_a, f"/backups prod take {KILLED_LABEL}")
    job_says(story, "takes a backup", KILLED_LABEL)
    story.wait(lambda: set(_scratch(story)) - before, "the dump to be written")
    for bot in story.sandbox.bots:
        bot.kill()
    story.screen.note("the bot is killed with SIGKILL while it takes a backup, and started again")
    story.slack.clear_faults()
    for bot in story.sandbox.bots:
        bot.start()
    done = all_text(job_says(story, "taken", KILLED_LABEL))
    checks.says("a backup comes of it after all", done, "attempt 2", "rows")
    reply = [m for m in _job_messages(story) if KILLED_LABEL in all_text(m)]
    checks.equal("in the same message", len(reply), 1)
    keys = [key for key in story.bucket.list_keys(prefix) if key.endswith(".manifest.json")]
    checks.equal("and there is one whole bundle of it", len(keys), 1)
    checks.says("the requester hears it", story.answer(story.cast.lead_a, "is taken", prefix), prefix)


def _wait_refused(story: Story, name: str, times: int) -> None:
    story.wait(lambda: len(_refused(story, name)) >= times, f"refusal {times}", 60.0)


def _refused(story: Story, name: str) -> list[dict[str, Any]]:
    return [m for m in _job_messages(story) if all(part in all_text(m) for part in (name, "did *not* pass", "❌"))]


def _scratch(story: Story) -> list[str]:
    return sorted(path.name for path in (story.sandbox.directory / "scratch").iterdir())


def _job_messages(story: Story) -> list[dict[str, Any]]:
    """The incident channel's messages about work on backups."""
    return [m for m in story.fresh() if _key(m).startswith("chore:") and not m["ephemeral"]]


def job_says(story: Story, *parts: str) -> dict[str, Any]:
    """Wait for such a message with all the parts in it."""

    def look() -> dict[str, Any] | None:
        return next((m for m in _job_messages(story) if all(part in all_text(m) for part in parts)), None)

    found: dict[str, Any] = story.wait(look, f"a message about a backup with {parts}", 60.0)
    return found


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))

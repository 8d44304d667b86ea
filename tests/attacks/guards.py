"""Takes the guards out one by one, in a copy of the tree, and prints which attacks then succeed: ``make guards``."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = 3
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::\S.*?)(?: - .*)?$", re.MULTILINE)
TREES = ("bot", "commands", "sql", "tests", "deploy", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Guard:
    """A guard, and how to take it out: `old` is in `file` once, and is replaced by `new`.

    Attributes:
        name: says what it guards.
        tests: files or folders whose tests must go red.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def take_out(self, root: Path) -> None:
        """Replace it in the tree at `root`.

        Raises:
            ValueError: the text is not there exactly once.
        """
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has the text of the guard “{self.name}” {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new))


PEOPLE, CONSENT = "tests/attacks/test_people.py", "tests/attacks/test_forgeries.py"
BUNDLES, LOADER, STORE = "tests/attacks/test_bundles.py", "tests/attacks/test_loader.py", "tests/attacks/test_store.py"
DUMPS = "tests/attacks/test_foreign_dumps.py"
VOTER = "bot/domain/approvals.py"
STEWARDS = "bot/engine/approvals/authorization.py"
COMPARED = "bot/engine/approvals/recount.py"
GUARDS = (
    Guard("only full members act", STEWARDS, "if person.bot or person.deleted or person.guest or outsider:",
          "if False:", (PEOPLE,)),
    Guard("only stewards steer a run", STEWARDS,
          "if user_id != run.requester and not is_approver(person, environment.approval):", "if False:", (PEOPLE,)),
    Guard("bots do not vote", VOTER, 'voter.bot or voter.user_id == "USLACKBOT"', "False", (PEOPLE,)),
    Guard("people who have left do not vote", VOTER, "(voter.deleted, ", "(False, ", (PEOPLE,)),
    Guard("strangers do not vote", VOTER, "voter.team_id != home_team or voter.stranger", "False", (PEOPLE,)),
    Guard("guests do not vote", VOTER, "(voter.guest, ", "(False, ", (PEOPLE,)),
    Guard("requesters do not consent to their own request", VOTER,
          "voter.user_id == requester and not policy.allow_requester", "False", (PEOPLE,)),
    Guard("only approvers vote", VOTER, "(not is_approver(voter, policy), ", "(False, ", (PEOPLE,)),
    Guard("a vote is for one plan", "bot/engine/approvals/voting.py", "if not run.plan.digest.startswith(asked):",
          "if False:", (PEOPLE,)),
    Guard("a vote is for an open request", "bot/engine/approvals/voting.py",
          "if run.state is not RunState.PENDING and not may_stop:", "if False:", (PEOPLE,)),
    Guard("nothing starts in a shared channel", STEWARDS, "if services.directory.is_shared(channel):", "if False:",
          (PEOPLE,)),
    Guard("a run that has not begun shows no logs", "bot/engine/runs/control.py", "if run.started_at is None:",
          "if False:", (PEOPLE,)),
    Guard("requests are signed", "bot/engine/approvals/provenance.py",
          "if found is not SignatureState.VALID:\n        return _alarm(services, stored, WRONG[found])",
          "if False:\n        return ''", (CONSENT,)),
    Guard("a request is handled once", "bot/engine/approvals/provenance.py", "if claim.handled:", "if False:",
          (CONSENT,)),
    Guard("rows of runs, votes and steps are signed", COMPARED,
          "[*find_forged(services.keyring, run, votes), *_find", "[*_find", (CONSENT,)),
    Guard("events are made with the key", COMPARED,
          ", *_find_forged_events(services.keyring, events)]", "]", (CONSENT,)),
    Guard("votes and runs agree with the log", COMPARED, "    differ = find_disagreements(run, votes, history)",
          "    differ = []", (CONSENT,)),
    Guard("reactions are still there", "bot/engine/runs/steps/recheck.py",
          "if not _still_there(execution, vote)]", "if False]", (CONSENT,)),
    Guard("a bundle is read before it runs", "bot/adapters/sides/sides.py",
          "            self._loader.check(bundle)\n", "            pass\n", (BUNDLES,)),
    Guard("the loader has no power", "bot/planning/refusals.py", "    if loader.powers:\n", "    if False:\n",
          (LOADER,)),
    Guard("a bundle that reached for its loader is refused", "bot/adapters/sides/sides.py",
          "                self._refuse_changed(bundle, self._role.clean_up(conn, before))\n",
          "                self._role.clean_up(conn, before)\n", (LOADER,)),
    Guard("only what is signed is the bot's", "bot/domain/backups.py",
          "        return self.signature is SignatureState.VALID", "        return True", (STORE,)),
    Guard("a note counts only if it is signed", "bot/adapters/storage/catalogue.py",
          "        if content.signature is not SignatureState.VALID:\n            return replace(backup, ignored_note",
          "        if False:\n            return replace(backup, ignored_note", (STORE,)),
    Guard("exports are signed", "bot/adapters/storage/exports.py", "        if state is not SignatureState.VALID:\n",
          "        if False:\n", (STORE,)),
)  # fmt: skip


def try_without(guard: Guard, arguments: Sequence[str] = ()) -> tuple[str, ...]:
    """Run the attacks without one guard; return the ids of the tests that are red."""
    with tempfile.TemporaryDirectory(prefix="backstop-guards-") as directory:
        copy = Path(directory)
        for name in TREES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        guard.take_out(copy)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *arguments, *guard.tests]
        environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(  # noqa: S603 -- our own interpreter and arguments
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
    return tuple(FAILED.findall(ran.stdout))


def main() -> int:
    """Take out all guards, or those whose names hold the given words; return 1 where nothing went red."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.guards", description=__doc__)
    parser.add_argument("words", nargs="*", help="only guards whose names hold one of these")
    words = parser.parse_args().words
    silent = 0
    for guard in GUARDS:
        if words and not any(word in guard.name for word in words):
            continue
        red = try_without(guard, ["-n", "2"])
        silent += not red
        print(f"{'✓' if red else '✗'} without “{guard.name}”: {len(red)} red")  # noqa: T201 -- a command line prints
        for test in red[:SHOWN]:
            print(f"    {test}")  # noqa: T201 -- a command line prints
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())

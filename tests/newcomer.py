"""Shows where a newcomer's search for the field's standard terms leads: ``python -m tests.newcomer [WORD…]``.

A file's name comes first, then a module's heading, then an entry of docs/glossary.md; some terms lead nowhere on
purpose, and the glossary says why.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.test_glossary import ROOT, entries, table

WORDS = (
    "retention", "cleanup", "orphan", "authorization", "permission", "reconcile", "compensation", "lease",
    "heartbeat", "cache", "context", "handler", "dispatch", "rate-limit", "backoff", "ephemeral", "idempotent",
    "health", "redaction", "checksum", "cutover", "dry-run", "point-in-time", "workflow", "saga", "dead-letter",
    "cascade", "replica", "failover", "smoke", "quorum",
)  # fmt: skip
BY_NAME, BY_HEADING, BY_GLOSSARY, NOTHING = "file name", "heading", "glossary", "nothing, on purpose"


@dataclass(frozen=True)
class Answer:
    """The place a word leads to; `path` is empty for one that leads nowhere on purpose."""

    word: str
    found_by: str
    path: str
    text: str


def find(word: str) -> Answer | None:
    """Return the best answer; None when the word leads nowhere and nobody meant that."""
    return next(_candidates(word), None)


def _candidates(word: str) -> Iterator[Answer]:
    pattern = _pattern(word)
    modules = [(str(path.relative_to(ROOT)), _heading(path)) for path in _modules()]
    yield from (Answer(word, BY_NAME, *module) for module in modules if pattern.search(Path(module[0]).stem))
    yield from (Answer(word, BY_HEADING, *module) for module in modules if pattern.search(module[1]))
    yield from (Answer(word, NOTHING, "", why) for name, why in table("Nothing, on purpose") if pattern.search(name))
    for name, meaning, place in sorted(entries(), key=lambda row: not pattern.search(row[0])):
        if pattern.search(f"{name} {meaning}"):
            yield Answer(word, BY_GLOSSARY, place.strip("`"), f"{name}: {meaning}")


@cache
def _modules() -> tuple[Path, ...]:
    """The product's modules, those of the engine first: there is what a term means to us."""
    paths = [path for folder in ("bot", "commands") for path in (ROOT / folder).rglob("*.py")]
    shipped = [path for path in paths if "sandbox" not in path.parts and path.name != "__init__.py"]
    return tuple(sorted(shipped, key=lambda path: ("engine" not in path.parts, str(path))))


@cache
def _heading(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def _pattern(word: str) -> re.Pattern[str]:
    """The word, however it is joined and whatever follows its stem: ``rate_limits``, ``reconciles``."""
    return re.compile(re.sub(r"(e|ion|ization|ent)$", "", word).replace("-", "[-_ ]?"), re.IGNORECASE)


def _line(answer: Answer | None) -> str:
    if answer is None:
        return "nothing, and no reason is given"
    return (
        f"{answer.found_by}: {answer.text}" if not answer.path else f"{answer.path}  ({answer.found_by}: {answer.text})"
    )


def main(words: list[str]) -> int:
    """Print an answer for each word; return 1 if one has none."""
    answers = {word: find(word) for word in words or WORDS}
    for word, answer in answers.items():
        sys.stdout.write(f"{word:15}{_line(answer)}\n")
    return int(None in answers.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

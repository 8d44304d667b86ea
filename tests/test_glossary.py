"""Keeps docs/glossary.md and docs/architecture.md true: places exist, words have one entry, old words are gone."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
CODE = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.DOTALL)
ALLOWED = {
    "losses": "the key of row losses in stored plans, and of the field that reads it",
    "told_at": "a column of the journal's table of drills, and the field that reads it",
}
"""Names that keep an old word, each with the reason; e.g. because a library or a format chose it."""


@dataclass(frozen=True)
class OldWord:
    """A word nobody writes any more; `where` says in which texts and folders it is searched for."""

    forms: frozenset[str]
    instead: str
    where: str

    def bans(self, kind: str, path: str) -> bool:
        """Tell whether a text of that kind (name, docstring, comment, documentation) in that file is searched."""
        kinds, _, places = self.where.replace("all but ", "all, but ").partition(" in ")
        kinds, _, excepted = kinds.partition(", but ")
        if excepted and path.startswith(tuple(excepted.split(", "))):
            return False
        if places and not path.startswith(tuple(f"{place}/" for place in places.split(", "))):
            return False
        return kinds in {"all", f"{kind}s"}


@dataclass(frozen=True)
class Text:
    """A piece of text and its place."""

    kind: str
    path: str
    line: int
    text: str


def table(title: str) -> list[list[str]]:
    """Rows of the table under a heading of the glossary."""
    part = GLOSSARY.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in part.splitlines() if line[:1] == "|"]
    assert len(rows) > 3, f"no table under {title}"
    return rows[2:]


def entries() -> list[list[str]]:
    """Rows of both tables of words: word, meaning, place."""
    return table("What people see") + table("What only maintainers see")


def old_words() -> list[OldWord]:
    """The last table."""
    return [OldWord(frozenset(old.split(", ")), instead, where) for old, instead, where in table("Old words")]


def source_texts(path: Path) -> Iterator[Text]:
    """Names, docstrings and comments of a module."""
    place, source = str(path.relative_to(ROOT)), path.read_text()
    yield Text("name", place, 0, path.stem)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield Text("name", place, token.start[0], token.string)
        elif token.type == tokenize.COMMENT:
            yield Text("comment", place, token.start[0], token.string)
    for node in ast.walk(ast.parse(source)):
        for at, text in docstrings(node):
            yield Text("docstring", place, at, CODE.sub("", text) if "``" in text else text)


def docstrings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of a node's docstring, and of those below its attributes."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        for child in node.body:
            match child:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield child.lineno, text


def helper_names(path: Path) -> Iterator[Text]:
    """Names of a test module's helpers; a test's own name is a sentence."""
    place = str(path.relative_to(ROOT))
    yield Text("name", place, 0, path.stem)
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) if not name.lower().startswith("test"):
                yield Text("name", place, node.lineno, name)


def documentation(path: Path) -> Iterator[Text]:
    """Prose of a page, without code: commands and keys on disk keep their words."""
    for number, line in enumerate(CODE.sub(blank, path.read_text()).splitlines(), 1):
        yield Text("documentation", str(path.relative_to(ROOT)), number, line)


def blank(code: re.Match[str]) -> str:
    """Only the lines of what was matched."""
    return "\n" * code[0].count("\n")


def sql_comments(path: Path) -> Iterator[Text]:
    """Comments and query names."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if mark := re.search(r"--(.*)", line):
            yield Text("comment", str(path.relative_to(ROOT)), number, mark[1])


def suspects(*patterns: str) -> Iterator[Path]:
    """Files with an old word anywhere, strings included; the others need no closer look."""
    old = re.compile("|".join(form for word in old_words() for form in word.forms), re.IGNORECASE)
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        if path != GLOSSARY and old.search(f"{path.stem} {path.read_text()}"):
            yield path


def all_texts() -> Iterator[Text]:
    """Every text that is searched, of files that can have an old word."""
    for path in suspects("bot/**/*.py", "commands/**/*.py"):
        yield from source_texts(path)
    for path in suspects("tests/**/*.py"):
        yield from helper_names(path)
    for path in suspects("docs/*.md", "README.md", "CONTRIBUTING.md"):
        yield from documentation(path)
    for path in suspects("sql/journal/*.sql"):
        yield from sql_comments(path)


def without_allowed(text: str) -> str:
    """The text without the names that may keep an old word."""
    return re.sub(rf"\b({'|'.join(ALLOWED)})\b", "", text)


def offenders() -> list[str]:
    """``file:line: name says old, write new``, one for each place."""
    banned = {form: word for word in old_words() for form in word.forms}
    return sorted(
        {
            f"{text.path}:{text.line}: {text.text[:60] if text.kind == 'name' else text.kind} says {form!r}, "
            f"write {banned[form].instead}"
            for text in all_texts()
            for form in {part.lower() for part in SPLIT.findall(without_allowed(text.text))} & banned.keys()
            if banned[form].bans(text.kind, text.path)
        }
    )


def test_no_old_word_is_left() -> None:
    found = offenders()
    assert not found, "\n".join(["", *found])


def test_no_docstring_begins_with_a_question_word() -> None:
    question = re.compile(r"(What|Whether|How|Who|Whose|Whoever|Where|When|Why|Which)\b")
    found = [
        f"{text.path}:{text.line}: {text.text.splitlines()[0]}"
        for folder in ("bot", "commands")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in own_docstrings(path)
        if question.match(text.text)
    ]
    assert not found, "\n".join(["", *found])


def own_docstrings(path: Path) -> Iterator[Text]:
    """Docstrings of a module, its classes and functions, without those below attributes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                text = ast.get_docstring(node) or ""
                yield Text("docstring", str(path.relative_to(ROOT)), getattr(node, "lineno", 1), text)


def test_every_place_exists() -> None:
    assert len(places(cell for row in entries() for cell in row[2:])) > 50
    examples = (ROOT / "docs" / "architecture.md").read_text().splitlines()
    named = places([GLOSSARY.read_text(), *(line for line in examples if "(new)" not in line)])
    assert [place for place in sorted(named) if not (ROOT / place).exists()] == []


def places(texts: Iterable[str]) -> set[str]:
    """Paths in code spans."""
    return {place for text in texts for place in re.findall(r"`((?:bot|commands|sql|docs|tests)/[^`*]*)`", text)}


def test_every_word_has_one_entry_with_a_place() -> None:
    words = [word for row in entries() for word in row[0].split(", ")]
    assert sorted(words) == sorted(set(words))
    assert [row for row in entries() if len(row) != 3 or "`" not in row[2]] == []


def test_no_word_is_old_and_in_use() -> None:
    old = {form for word in old_words() if word.where == "all" for form in word.forms}
    assert [row[0] for row in entries() if set(row[0].lower().split()) & old] == []


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("chores = 1", ["name"]),
        ("class MakeChore: ...", ["name"]),
        ("def f():\n    '''Does a chore.'''", ["docstring"]),
        ("x = 1\n'''One chore.'''", ["docstring"]),
        ("x = 1  # a chore", ["comment"]),
        ("x = 'chore'", []),
        ("def f():\n    '''Reads ``chore`` from the journal.'''", []),
    ],
)
def test_names_docstrings_and_comments_are_searched_and_strings_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, kinds: list[str]
) -> None:
    monkeypatch.setattr("tests.test_glossary.ROOT", tmp_path)
    path = tmp_path / "probe.py"
    path.write_text(source + "\n")
    found = [text.kind for text in source_texts(path) if re.search("chore", text.text, re.IGNORECASE)]
    assert found == kinds


@pytest.mark.parametrize(
    ("where", "kind", "path", "expected"),
    [
        ("all", "comment", "bot/x.py", True),
        ("names", "name", "bot/x.py", True),
        ("names", "comment", "bot/x.py", False),
        ("docstrings", "docstring", "bot/x.py", True),
        ("names in bot/engine/drills, bot/views/drills", "name", "bot/views/drills/x.py", True),
        ("names in bot/engine/drills, bot/views/drills", "name", "bot/views/runs/x.py", False),
        ("all but bot/sandbox, tests", "name", "bot/sandbox/x.py", False),
        ("all but bot/sandbox, tests", "name", "bot/x.py", True),
    ],
)
def test_a_word_is_searched_where_the_glossary_says(where: str, kind: str, path: str, *, expected: bool) -> None:
    assert OldWord(frozenset({"x"}), "y", where).bans(kind, path) is expected

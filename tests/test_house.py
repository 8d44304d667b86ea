"""Checks the repository's own rules: imports, committed files, the package, documentation."""

import ast
import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from bot.adapters.cluster.cluster import LOGS, NEEDED

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "bot", ROOT / "commands"]
ERRORS = {"BotError", "PermanentError", "TemporaryError"}


def project() -> dict[str, Any]:
    """``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def committed_files() -> list[Path]:
    """Every text file in version control; without git, every one that is not in a hidden or made folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- git of the PATH
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not path.relative_to(ROOT).parts[0].startswith((".v", ".m", ".r"))]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, to damage."""
    house = tmp_path_factory.mktemp("house")
    for source in SOURCES:
        shutil.copytree(source, house / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", house)
    return house


class TestImports:
    def lint(self, house: Path) -> tuple[int, set[str]]:
        """Exit code, and the names of broken contracts."""
        lint_imports = Path(sys.executable).with_name("lint-imports")
        done = subprocess.run(  # noqa: S603 -- our own tool
            [lint_imports, "--no-cache"], cwd=house, capture_output=True, check=False, text=True
        )
        assert "Contracts:" in done.stdout, done.stdout + done.stderr
        return done.returncode, set(re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE))

    def test_every_contract_is_kept(self, copy: Path) -> None:
        assert self.lint(copy) == (0, set())

    @pytest.mark.parametrize(
        ("module", "imports", "contract"),
        [
            ("bot/domain/probe.py", "bot.ports", "Dependencies point inward"),
            ("bot/adapters/probe.py", "resvg_py", "Only the plots adapter knows resvg"),
            ("bot/planning/probe.py", "bot.engine", "Dependencies point inward"),
            ("bot/planning/probe.py", "bot.config", "Dependencies point inward"),
            ("bot/config/probe.py", "bot.ports", "Dependencies point inward"),
            ("bot/views/probe.py", "bot.engine", "Dependencies point inward"),
            ("bot/engine/probe.py", "bot.views", "Dependencies point inward"),
            ("bot/engine/probe.py", "bot.adapters", "Dependencies point inward"),
            ("bot/adapters/probe.py", "commands", "Dependencies point inward"),
            ("commands/probe.py", "bot.adapters", "Dependencies point inward"),
            ("bot/adapters/probe.py", "bot.app", "Dependencies point inward"),
            ("bot/probe.py", "bot.errors", "Every module of bot has its place"),
            ("bot/domain/probe.py", "threading", "Domain, planning and views touch no SDK and no world"),
            ("bot/planning/probe.py", "time", "Domain, planning and views touch no SDK and no world"),
            ("bot/views/probe.py", "slack_sdk", "Domain, planning and views touch no SDK and no world"),
            ("bot/views/probe.py", "bot.config", "Domain, planning and views touch no SDK and no world"),
            ("bot/engine/probe.py", "psycopg", "The engine orchestrates ports and knows no SDK"),
            ("bot/engine/probe.py", "subprocess", "The engine orchestrates ports and knows no SDK"),
            ("bot/adapters/database/probe.py", "bot.adapters.sides", "The database adapters depend in one direction"),
            (
                "bot/adapters/row_recovery/probe.py",
                "bot.adapters.sides",
                "The database adapters depend in one direction",
            ),
            ("bot/adapters/probe.py", "kubernetes", "Only the cluster adapter knows kubernetes"),
            ("bot/adapters/slack/probe.py", "boto3", "Only the storage adapter knows boto"),
            ("bot/adapters/probe.py", "slack_sdk", "Only the Slack adapter and the commands know Slack's SDK"),
            ("commands/probe.py", "psycopg", "Only the database's adapters know psycopg"),
            ("bot/adapters/probe.py", "procrastinate", "Only the queue adapter knows procrastinate"),
            ("bot/adapters/probe.py", "jinja2", "Only the HTML report knows jinja2"),
            ("bot/adapters/probe.py", "apscheduler", "Only the scheduler and what cron means know APScheduler"),
            ("bot/adapters/probe.py", "aiohttp", "The sandbox's packages stay in the sandbox"),
            ("bot/adapters/probe.py", "bot.sandbox", "Nothing knows the sandbox"),
            ("commands/probe.py", "bot.engine.runs.runner", "Commands reach the world only through operations"),
        ],
    )
    def test_a_contract_fails_when_broken(self, copy: Path, module: str, imports: str, contract: str) -> None:
        probe = copy / module
        probe.write_text(f"import {imports}\n")
        try:
            code, broken = self.lint(copy)
        finally:
            probe.unlink()
        assert code != 0
        assert contract in broken

    def test_every_contract_is_broken_once(self) -> None:
        marks = vars(TestImports)["test_a_contract_fails_when_broken"].pytestmark
        names = set(re.findall(r"^name = (.+)$", (ROOT / ".importlinter").read_text(), re.MULTILINE))
        assert {case[2] for case in marks[0].args[1]} == names


KNOW_KINDS = {
    "bot/domain/plans.py",
    "bot/planning/kinds.py",
    "bot/engine/kinds.py",
    "bot/views/plans/kinds.py",
}
"""Files that may name a kind of plan: its definition, and its row in each layer."""


def named_kinds(source: str) -> list[int]:
    """Lines that name a kind of plan: ``PlanKind.X``, ``PlanKind["X"]``, or the kind of one class in a comparison."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="PlanKind")) | ast.Attribute(value=ast.Attribute(attr="PlanKind")):
                found.append(node.lineno)
            case ast.Subscript(value=ast.Name(id="PlanKind")):
                found.append(node.lineno)
            case ast.Compare(left=left, comparators=others):
                kinds = [side for side in (left, *others) if isinstance(side, ast.Attribute) and side.attr == "kind"]
                classes = [
                    kind for kind in kinds if isinstance(kind.value, ast.Name) and kind.value.id.endswith("Plan")
                ]
                found += [node.lineno for _ in classes]
    return found


class TestKinds:
    def test_a_kind_of_plan_is_named_only_in_its_rows(self) -> None:
        naming = {
            f"{path.relative_to(ROOT)}:{line}"
            for source in SOURCES
            for path in source.rglob("*.py")
            if str(path.relative_to(ROOT)) not in KNOW_KINDS
            for line in named_kinds(path.read_text())
        }
        assert naming == set()

    @pytest.mark.parametrize(
        "line",
        [
            "if plan.kind is PlanKind.CHAIN: ...",
            "_NOUNS = {plans.PlanKind.CHAIN: 'rollback'}",
            "if run.plan.kind == ChainPlan.kind: ...",
            "kind = PlanKind['CHAIN']",
        ],
    )
    def test_a_kind_that_is_named_elsewhere_is_found(self, line: str) -> None:
        assert named_kinds(line) == [1]

    def test_a_kind_that_is_passed_on_or_read_from_disk_is_none(self) -> None:
        assert named_kinds("row = KINDS[plan.kind]; kind = PlanKind(stored); check(facts, ChainPlan.kind)") == []


class TestCommittedFiles:
    def test_none_names_a_package_registry(self) -> None:
        hosts = re.compile(
            r"\b(?:pypi|pythonhosted|npmjs|ghcr|quay|rubygems)\.(?:org|com|io)\b"
            r"|\b(?:proxy\.golang|apt\.postgresql|deb\.debian)\.org\b|\bdocker\.(?:io|com)\b"
        )
        assert self.lines_with(hosts) == []

    def test_none_names_a_path_of_somebodys_machine(self) -> None:
        assert self.lines_with(re.compile(r"(?<![\w.{}*$-])/(?:work|root|home|Users)/(?!\W)")) == []

    def test_locks_name_versions_and_hashes_and_no_host(self) -> None:
        for name in ("requirements.lock", "requirements-dev.lock"):
            text = (ROOT / name).read_text()
            assert "://" not in text
            assert "--index-url" not in text
            pinned = re.findall(r"^[A-Za-z0-9._-]+(?:\[\S+\])?==", text, re.MULTILINE)
            assert len(pinned) > 20
            assert text.count("--hash=sha256:") >= len(pinned)

    def lines_with(self, pattern: re.Pattern[str]) -> list[str]:
        """``file:line`` of every hit."""
        return [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            for path in committed_files()
            if path != Path(__file__)
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
            if pattern.search(line)
        ]


class TestReasons:
    def test_every_rule_ignored_in_pyproject_has_a_reason(self) -> None:
        text = (ROOT / "pyproject.toml").read_text()
        rules = [line.strip() for line in text.splitlines() if re.match(r'\s+"[A-Z]+\d*"', line)]
        assert len(rules) > 10
        assert [line for line in rules if not re.search(r"# \w+:? \w+", line)] == []

    def test_every_exception_in_the_code_has_a_reason(self) -> None:
        bare = re.compile(r"# (?:noqa(?:: [A-Z]+\d+(?:, ?[A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?)\s*$")
        places = [
            f"{path.relative_to(ROOT)}:{number}"
            for path in committed_files()
            if path.suffix == ".py"
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if bare.search(line)
        ]
        assert places == []


class TestPackage:
    def test_the_version_is_the_changelogs_newest(self) -> None:
        newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
        assert newest
        assert newest[1] == project()["project"]["version"]

    def test_the_wheel_has_the_bot_and_its_sql_and_no_sandbox(self) -> None:
        found = project()["tool"]["setuptools"]["packages"]["find"]
        tops = [ROOT / top for top in ("bot", "commands", "sql", "tests")]
        folders = [path for top in tops for path in [top, *top.rglob("*")] if path.is_dir()]
        names = {".".join(path.relative_to(ROOT).parts) for path in folders}
        shipped = {
            name
            for name in names
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in found["include"])
            and not any(fnmatch.fnmatchcase(name, pattern) for pattern in found["exclude"])
        }
        assert {"bot", "bot.engine", "bot.config", "commands", "sql", "sql.down", "sql.journal"} <= shipped
        data = project()["tool"]["setuptools"]["package-data"]["bot"]
        assert {"adapters/htmlreport/*.html", "adapters/plots/fonts/*"} <= set(data)
        assert [name for name in shipped if "sandbox" in name or name.startswith("tests")] == []

    def test_the_image_is_unprivileged_and_has_nothing_of_development(self) -> None:
        lines = (ROOT / "Dockerfile").read_text().splitlines()
        last_stage = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
        users = [line.split()[1] for line in last_stage if line.startswith("USER ")]
        assert users
        assert users[-1] not in {"root", "0"}
        assert not any("requirements-dev" in line or "[dev]" in line or "[sandbox]" in line for line in lines)
        assert any("--require-hashes" in line for line in lines)
        assert 'ENTRYPOINT ["backstop"]' in last_stage

    def test_the_image_is_built_from_what_is_pinned(self) -> None:
        text = (ROOT / "Dockerfile").read_text()
        bases = [line.split()[1] for line in text.splitlines() if line.startswith("FROM ")]
        assert set(bases) == {"${PYTHON_IMAGE}"}
        assert "\nARG PYTHON_IMAGE\n" in text  # no default: a tag may be another image tomorrow
        assert "*@sha256:*" in text
        assert "--no-build-isolation" in text
        lock = (ROOT / "requirements-build.lock").read_text()
        (built_with,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
        assert re.match(rf"{re.escape(built_with)} \\\n    --hash=sha256:[0-9a-f]{{64}}\n", lock)


def test_the_deployed_role_has_the_rights_the_bot_asks_for_and_no_other() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text())
    (role,) = [document for document in documents if document["kind"] == "ClusterRole"]
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    needed = {
        (right.verb, right.group, right.resource + (f"/{right.sub}" if right.sub else "")) for right in (*NEEDED, LOGS)
    }
    # Optional: the UID of a namespace, which is part of a plan's place.
    assert granted == needed | {("get", "", "namespaces")}


def test_what_the_deployed_role_changes_or_reads_by_name_is_limited_to_names() -> None:
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text())
    (role,) = [document for document in documents if document["kind"] == "ClusterRole"]
    for rule in role["rules"]:
        if {"deployments", "deployments/scale", "services", "namespaces"} & set(rule["resources"]):
            assert rule.get("resourceNames"), rule
        elif "list" in rule["verbs"]:
            assert "resourceNames" not in rule  # which no list would fit


def raised_references() -> Iterator[tuple[str, str]]:
    """(reference, file:line) of every error made in the bot and its commands; the sandbox's are nobody's business."""
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            if "sandbox" in path.relative_to(ROOT).parts:
                continue
            tree = ast.parse(path.read_text())
            known = constants(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ERRORS:
                    words = [word for argument in node.args[:1] for word in texts(argument, known)]
                    yield from ((word, f"{path.relative_to(ROOT)}:{node.lineno}") for word in words)


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Values of a module's own names."""
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def texts(node: ast.expr, known: dict[str, ast.expr]) -> Iterator[str]:
    """What a reference can be: a text, one of two, a name for one, any of a table's; with ``*`` for a value's place."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            yield f"{start}*"
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one, known)
            yield from texts(other, known)
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)) if name in known:
            yield from texts(known[name], {})
        case ast.Dict(values=values):
            for value in values:
                yield from texts(value, {})


def promised_references() -> set[str]:
    """What the ports say their adapters raise."""
    text = "".join(path.read_text() for path in sorted((ROOT / "bot" / "ports").glob("*.py")))
    return set(re.findall(r"``([a-z]+(?:-[a-z]+)+)``", text))


class TestErrors:
    def test_every_reference_is_explained_and_every_explanation_is_needed(self) -> None:
        raised = dict(raised_references())
        explained = set(re.findall(r"^### `([a-z0-9-]+\*?)`$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
        assert {word: place for word, place in raised.items() if word not in explained} == {}, "not in docs/errors.md"
        assert explained - raised.keys() - promised_references() == set(), "in docs/errors.md and raised nowhere"

    def test_references_are_kebab_case(self) -> None:
        assert [
            word for word, _ in raised_references() if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*(-\*)?", word)
        ] == []

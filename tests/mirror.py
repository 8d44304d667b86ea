"""Counts the modules whose tests stand beside them, and lists the others: ``python -m tests.mirror [FOLDER]``.

The tests of ``bot/engine/runs/runner.py`` are in ``tests/engine/runs/test_runner.py``; those of ``commands/home.py`` in
``tests/commands/test_home.py``.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXEMPT = ROOT / "bot" / "ports"
"""Protocols and the values that pass through them: their contract tests stand beside the adapters that keep them."""


def test_of(module: Path) -> Path:
    """Return the path of a module's mirrored test file."""
    parts = module.relative_to(ROOT).parts
    folders = parts[1:-1] if parts[0] == "bot" else parts[:-1]
    return ROOT.joinpath("tests", *folders, f"test_{parts[-1]}")


def modules() -> list[Path]:
    """Return the product's and the sandbox's modules."""
    paths = [path for folder in ("bot", "commands") for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in paths if path.name not in {"__init__.py", "__main__.py"})


def main(folder: str = "bot") -> None:
    """Print both counts, and the product's modules below a folder that lack a test file."""
    for title, group in (
        ("product", [path for path in modules() if "sandbox" not in path.parts]),
        ("sandbox", [path for path in modules() if "sandbox" in path.parts]),
    ):
        exempt = [path for path in group if EXEMPT in path.parents]
        mirrored = [path for path in group if path not in exempt and test_of(path).exists()]
        ports = f", {len(exempt)} ports not counted" if exempt else ""
        sys.stdout.write(f"{title}: {len(mirrored)} of {len(group) - len(exempt)} modules have a test file beside them")
        sys.stdout.write(f"{ports}\n")
        for path in group:
            name = str(path.relative_to(ROOT))
            if path not in [*mirrored, *exempt] and name.startswith(folder) and title == "product":
                sys.stdout.write(f"  {name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""Reads a small configuration with changes."""

from pathlib import Path

import pytest

from bot.config import Config, load
from tests.config.samples import BASE, SECRETS, Load


@pytest.fixture
def base(tmp_path: Path) -> str:
    (tmp_path / "down").mkdir()
    return BASE.format(down_dir=tmp_path / "down")


@pytest.fixture
def read(tmp_path: Path, base: str) -> Load:
    """Load the base file, changed by `(old, new)` pairs, with `more` at its end."""

    def read(*changes: tuple[str, str], more: str = "", **environ: str | None) -> Config:
        text = base
        for old, new in changes:
            assert old in text, f"nothing to change: {old}"
            text = text.replace(old, new)
        path = tmp_path / "backstop.toml"
        path.write_text(text + more)
        known = SECRETS | environ
        return load(path, {name: value for name, value in known.items() if value is not None})

    return read

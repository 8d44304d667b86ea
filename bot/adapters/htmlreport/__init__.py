"""Writes a report as one HTML file: Jinja2, everything escaped, nothing fetched from outside the file."""

from functools import cache
from importlib import resources

import jinja2

from bot.views.runs.html.parts import Sheet


def write(sheet: Sheet) -> bytes:
    """Write a sheet in UTF-8; the same sheet returns the same bytes."""
    return _template().render(sheet=sheet).encode()


@cache
def _template() -> jinja2.Template:
    text = resources.files(__name__).joinpath("report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(text)

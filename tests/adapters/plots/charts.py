"""Charts, and the texts in their pictures."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from PIL import ImageFont

from bot.adapters.plots import drawing, plotter
from bot.domain.drill_reports import PHASES, Bar, Chart, Panel
from tests.fakes.clock import NOON

FONTS = Path(plotter.__file__).parent / "fonts"
SVG = "{http://www.w3.org/2000/svg}"


def bars(count: int, *, failed: tuple[int, ...] = (), hours: float = 168.0) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            NOON + timedelta(hours=hours * place),
            tuple((phase, 30.0 * (rank + 1) + place) for rank, phase in enumerate(PHASES)),
            2_400_000_000 + place * 10**7,
            40_000.0 + 900.0 * place,
            place in failed,
        )
        for place in range(count)
    )


def chart(count: int, **more: Any) -> Chart:
    panel = Panel("Restore drills with backups of staging", bars(count, **more), 900, 86_400)
    return Chart("Drills: time to restore", "One bar per drill, oldest left. Times in UTC.", (panel,))


@dataclass(frozen=True)
class Word:
    """A line of text with its colour and the box it takes, measured with the real font."""

    text: str
    colour: str
    x0: float
    y0: float
    x1: float
    y1: float

    def touches(self, other: "Word") -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


@cache
def font(*, bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"), 100)


def word(element: ET.Element) -> Word:
    text, size, x, y = element.text or "", *(float(element.attrib[key]) for key in ("font-size", "x", "y"))
    width = font(bold="font-weight" in element.attrib).getlength(text) * size / 100
    left = x - width * {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
    top, bottom = y - 0.76 * size, y + 0.22 * size
    if "transform" in element.attrib:  # turned a quarter to the left around (x, y)
        return Word(text, element.attrib["fill"], x + top - y, y - width / 2, x + bottom - y, y + width / 2)
    return Word(text, element.attrib["fill"], left, top, left + width, bottom)


def texts(what: Chart) -> list[Word]:
    return [word(element) for element in ET.fromstring(drawing.draw(what)).iter(f"{SVG}text")]  # noqa: S314 -- ours


def words(what: Chart) -> set[str]:
    return {text.text for text in texts(what)}

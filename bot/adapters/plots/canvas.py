"""Builds an SVG image element by element."""

import re
from xml.etree import ElementTree as ET

FONT = "DejaVu Sans"
TICK_PX, NOTE_PX = 14.0, 13.0
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NARROW, _WIDE = frozenset("fijlrt.,:;'!|()[]-/ I"), frozenset("mwMW@%&…")
_NARROW_EM, _WIDE_EM, _CAPITAL_EM, _USUAL_EM, _BOLD = 0.41, 1.0, 0.78, 0.64, 1.13


class Canvas:
    """An image under construction, `width` by `height` user units."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {height:g}")
        self._root.attrib |= {"width": f"{width:g}", "height": f"{height:g}", "font-family": FONT, "role": "img"}
        self.add("title", title)

    def add(self, tag: str, content: str = "", /, **attributes: str | float) -> ET.Element:
        """Append an element; an underscore in an attribute's name stands for a hyphen."""
        return _append(self._root, tag, content, attributes)

    def pattern(self, key: str, size: float, background: str, path: str, ink: str) -> None:
        """Define a hatch: `path` is stroked in `ink` on tiles of `size`."""
        where = {"id": key, "width": f"{size:g}", "height": f"{size:g}", "patternUnits": "userSpaceOnUse"}
        tile = ET.SubElement(self._root, "pattern", where)
        _append(tile, "rect", "", {"width": size, "height": size, "fill": background})
        _append(tile, "path", "", {"d": path, "stroke": ink, "stroke_width": 1.2, "stroke_linecap": "round"})

    def text(self, content: str, x: float, y: float, size_px: float, fill: str, /, **more: str | float) -> None:
        """Write one line on the baseline `y`."""
        self.add("text", content, x=x, y=y, font_size=size_px, fill=fill, **more)

    def markup(self) -> str:
        """Return the SVG; the same calls return the same text."""
        return ET.tostring(self._root, encoding="unicode")


def _append(parent: ET.Element, tag: str, content: str, attributes: dict[str, str | float]) -> ET.Element:
    named = {key.replace("_", "-"): _written(value) for key, value in attributes.items()}
    added = ET.SubElement(parent, tag, named)
    added.text = _NO_XML.sub("\ufffd", content) or None
    return added


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def text_width(content: str, size_px: float, *, bold: bool = False) -> float:
    """Estimate a text's width; the estimate is rather too wide, so that nothing overlaps."""
    return sum(map(_em, content)) * size_px * (_BOLD if bold else 1.0)


def _em(character: str) -> float:
    if character in _NARROW:
        return _NARROW_EM
    if character in _WIDE:
        return _WIDE_EM
    return _CAPITAL_EM if character.isupper() else _USUAL_EM


def fit(content: str, size_px: float, width: float, *, bold: bool = False) -> str:
    """Shorten a text to a width, with an ellipsis at its end."""
    if text_width(content, size_px, bold=bold) <= width:
        return content
    while content and text_width(f"{content}…", size_px, bold=bold) > width:
        content = content[:-1]
    return f"{content.rstrip()}…"

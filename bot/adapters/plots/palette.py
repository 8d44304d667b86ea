"""Colours. A dark card of its own, because no one background suits both of Slack's themes and neither shows through.

The phases' colours are of a well-known palette that people with any of the usual colour blindnesses tell apart; on a
dark card all of them stand out, on a white one yellow, orange and sky blue would not. Hatches say the same.
"""

CARD = "#22262b"
EDGE = "#5b6470"
"""Around the card: against the dark theme's own background it would have no border otherwise."""
TEXT = "#f3f4f6"
QUIET = "#c3c9d1"
GRID = "#3a4048"
SIZE = "#f3f4f6"
TARGET = "#ffffff"
FAILED = "#ff8a5c"
LOSS = "#56b4e9"
PHASES = {
    "fetch": "#56b4e9",
    "load": "#e69f00",
    "verify": "#009e73",
    "swap": "#f0e442",
    "app": "#cc79a7",
}
OTHER = "#9aa3ad"
HATCHES = {"fetch": "", "load": "//", "verify": "..", "swap": "xx", "app": "\\\\"}
WORDS = {
    "fetch": "fetch and unpack",
    "load": "load",
    "verify": "verify",
    "swap": "swap",
    "app": "app stops and starts",
}
"""How the legend names the phases."""
SLACK_LIGHT = "#ffffff"
SLACK_DARK = "#1a1d21"
TEXTS = (TEXT, QUIET, FAILED)
"""Every colour that text is written in, on `CARD`."""


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1…21, as WCAG 2 defines it: 4.5 suits text, 3 whatever else has to be told apart."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 -- the standard's own

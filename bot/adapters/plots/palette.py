"""Defines the picture's colours: a dark, opaque card, because no one background suits both of Slack's themes.

The phases' colours are of a palette made for the colour-blind; on a dark card all of them stand out, on a white one
yellow, orange and sky blue would not. Hatches say the same.
"""

CARD = "#22262b"
EDGE = "#5b6470"
"""Around the card, which has no other border on the dark theme's background."""
TEXT = "#f3f4f6"
QUIET = "#c3c9d1"
GRID = "#3a4048"
SIZE = "#f3f4f6"
TARGET = "#ffffff"
FAILED = "#ff8a5c"
PHASES = {
    "fetch": "#56b4e9",
    "load": "#e69f00",
    "verify": "#009e73",
    "swap": "#f0e442",
    "app": "#cc79a7",
}
OTHER = "#9aa3ad"
TILE = 11.0
"""Width and height of a hatch's tile."""
HATCHES = {
    "fetch": "",
    "load": "M-2 13L13 -2M-2 2L2 -2M9 13L13 9",
    "verify": "M2 2.8a.8.8 0 1 0 1.6 0a.8.8 0 1 0 -1.6 0M7.4 8.2a.8.8 0 1 0 1.6 0a.8.8 0 1 0 -1.6 0",
    "swap": "M0 0L11 11M11 0L0 11",
    "app": "M-2 -2L13 13M-2 9L2 13M9 -2L13 2",
}
"""What is stroked on a tile, as an SVG path; "" for nothing."""
OTHER_HATCH = "M5.5 0V11M0 5.5H11"
WORDS = {
    "fetch": "fetch and unpack",
    "load": "load",
    "verify": "verify",
    "swap": "swap",
    "app": "app stops and starts",
}
"""How the legend names the phases."""

"""Messages to a workspace."""

from bot.ports import Message
from bot.views.kit.blocks import render_sentence

BLOCKS = render_sentence("hello").blocks
CARD = Message("card:rk3f9a", "C0INCIDENT", "hello", BLOCKS, run_id="rk3f9a")

"""Builds the refusal of an undo that would not lead back to what was."""

from bot.errors import PermanentError


def not_exact(why: str) -> PermanentError:
    """Build the refusal; `why` is a clause."""
    return PermanentError(
        "undo-not-exact",
        f"The undo would not lead back to what was: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring it back by hand.",
    )

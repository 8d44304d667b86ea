"""How a bundle is refused: the member, escaped and short, and what is wrong with it."""

from bot.errors import PermanentError

NAME_CHARS = 80
_UNSAFE_HINT = "Nothing of it was kept. Find out who put it into the bucket, and choose another backup."
_DAMAGED_HINT = "Choose another backup, or repeat this if it was just being written."
_UNKNOWN_HINT = "A bundle is a .tar.gz of one pg_dump: plain SQL, custom, tar or directory format."
_FOREIGN_HINT = "Restore it in the environment it was taken from."


def quoted(name: str) -> str:
    """Escape a member's name, so that it cannot be mistaken for anything else, and cut it to `NAME_CHARS`."""
    text = ascii(name)
    return text if len(text) <= NAME_CHARS else f"{text[: NAME_CHARS - 3]}..."


def unsafe(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-unsafe``: somebody made it to do harm, or nobody of ours made it."""
    return PermanentError("bundle-unsafe", _sentence(reason, member), _UNSAFE_HINT)


def damaged(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-damaged``: it is not what was stored."""
    return PermanentError("bundle-damaged", _sentence(reason, member), _DAMAGED_HINT)


def unknown(reason: str, member: str | None = None) -> PermanentError:
    """``bundle-unknown``: there is no dump in it."""
    return PermanentError("bundle-unknown", f"The bundle holds no dump. {_sentence(reason, member)}", _UNKNOWN_HINT)


def foreign(reason: str) -> PermanentError:
    """``bundle-foreign``: another environment's."""
    return PermanentError("bundle-foreign", reason, _FOREIGN_HINT)


def scratch_full() -> PermanentError:
    """``scratch-full``: no room to unpack it."""
    return PermanentError(
        "scratch-full",
        "The bundle does not fit into the free space of the scratch directory.",
        "Free space there, or point scratch_dir at a larger disk.",
    )


def _sentence(reason: str, member: str | None) -> str:
    return reason if member is None else f"Member {quoted(member)} {reason}"

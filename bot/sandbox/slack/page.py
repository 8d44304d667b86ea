"""The page a person looks at: channels, threads, buttons, modals. One file, no assets, only the control API."""

from pathlib import Path

from aiohttp import web

_PAGE = Path(__file__).with_name("page.html")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src *"


async def show(_: web.Request) -> web.Response:
    """Give the page."""
    return web.Response(
        text=_PAGE.read_text(encoding="utf-8"),
        content_type="text/html",
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )

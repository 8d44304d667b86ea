"""Serves Slack's API and sockets, response_urls, uploads, the control API and the page, on one port."""

import time
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.sandbox.slack.control import Control
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.respond import respond
from bot.sandbox.slack.responses import UrlSpentError
from bot.sandbox.slack.sockets import SocketHub
from bot.sandbox.slack.state import State
from bot.sandbox.slack.web_api import WebApi

_PAGE = Path(__file__).with_name("page.html")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src *"

Json = dict[str, Any]
MAX_BODY_BYTES = 1_100_000_000


def build(state: State, hub: SocketHub, control: Control) -> web.Application:
    """Return the application with all routes."""
    api = WebApi(state, hub)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    server = Server(state)
    app.add_routes(
        [
            web.get("/", _page),
            web.route("*", "/api/{method:[A-Za-z.]+}", api.handle),
            web.get("/link/", hub.serve),
            web.post("/commands/{key}", server.use_response_url),
            web.post("/actions/{key}", server.use_response_url),
            web.post("/upload/v1/{key}", server.take_upload),
            web.get("/files/{id}/{name}", server.serve_file),
            *control.routes(),
        ]
    )
    return app


class Server:
    """The routes that belong to neither API."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def use_response_url(self, request: web.Request) -> web.Response:
        """Take what an app says later; 404 ``used_url`` or ``expired_url`` once the URL is spent."""
        began_s = time.perf_counter()
        payload: Json = {}
        try:
            payload = await request.json()
            fault = self._state.faults.web("response_url", "")
            status, text = (fault.status, "server_error") if fault else self._respond(request, payload)
        except ValueError:
            status, text = 400, "invalid_payload"
        call = {"time": self._state.clock(), "method": "response_url", "arguments": payload, "status": status}
        elapsed_ms = round((time.perf_counter() - began_s) * 1000, 1)
        self._state.calls.record(call | {"answer": text, "elapsed_ms": elapsed_ms, "fault": None})
        return web.Response(status=status, text=text)

    def _respond(self, request: web.Request, payload: Json) -> tuple[int, str]:
        try:
            entry = self._state.responses.take(request.match_info["key"])
            respond(self._state, entry, payload)
        except UrlSpentError as spent:
            return 404, str(spent)
        except SlackError as refused:
            return (500 if refused.error == "no_text" else 400), refused.error
        entry.uses += 1
        return 200, "ok"

    async def take_upload(self, request: web.Request) -> web.Response:
        """Take a file's bytes, as a raw body or a form; their number must be the one announced."""
        upload = self._state.uploads.by_key(request.match_info["key"])
        if upload is None or upload.shared:
            return web.Response(status=404, text="not_found")
        if fault := self._state.faults.web("upload", ""):
            return web.Response(status=fault.status, text="server_error")
        content = await _bytes(request)
        if len(content) != upload.size_bytes:
            return web.Response(status=400, text=f"expected {upload.size_bytes} bytes, got {len(content)}")
        upload.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def serve_file(self, request: web.Request) -> web.Response:
        """Serve an uploaded file."""
        upload = self._state.uploads.all.get(request.match_info["id"])
        if upload is None or upload.content is None:
            return web.Response(status=404, text="not_found")
        return web.Response(body=upload.content, content_type="application/octet-stream")


async def _bytes(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for part in (await request.post()).values():
        if isinstance(part, web.FileField):
            return part.file.read()
    return b""


async def _page(_: web.Request) -> web.Response:
    return web.Response(
        text=_PAGE.read_text(encoding="utf-8"),
        content_type="text/html",
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )

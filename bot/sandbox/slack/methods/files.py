"""Implements files.*: the three moves of an upload."""

from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.methods.chat import find_thread, writable
from bot.sandbox.slack.state import State
from bot.sandbox.slack.uploads import Upload

Json = dict[str, Any]
MAX_FILE_BYTES = 1_073_741_824  # 1 GB, Slack's limit for one file


def get_upload_url(state: State, args: Arguments) -> Json:
    """Reserve a file and say where its bytes go."""
    name = args.required("filename", "missing_argument")
    size_bytes = args.number("length", 0)
    if size_bytes < 1:
        raise SlackError("missing_argument")
    if size_bytes > MAX_FILE_BYTES:
        raise SlackError("file_upload_size_restricted")
    upload = state.uploads.begin(name, size_bytes)
    return {"upload_url": f"{state.base_url}/upload/v1/{upload.key}", "file_id": upload.id}


def complete_upload(state: State, args: Arguments) -> Json:
    """Finish uploads, and share them in a channel or thread when one is named."""
    wanted = args.json("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("missing_argument")
    uploads = [_uploaded(state, entry) for entry in wanted]
    shown = [u.as_slack(state.base_url, state.workspace.bot_user) for u in uploads]
    if args.text("channel_id"):
        _share(state, args, shown)
    for upload in uploads:
        upload.shared = True
    return {"files": shown}


def _uploaded(state: State, entry: Any) -> Upload:
    upload = state.uploads.all.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if upload is None or upload.content is None or upload.shared:
        raise SlackError("file_not_found")
    upload.title = str(entry.get("title") or upload.name)
    return upload


def _share(state: State, args: Arguments, shown: list[Json]) -> None:
    try:
        channel = writable(state, args.text("channel_id"))
    except SlackError as refused:
        raise SlackError("invalid_channel" if refused.error == "channel_not_found" else refused.error) from None
    thread_ts = find_thread(state, channel, args.text("thread_ts"))
    state.say(channel, args.text("initial_comment"), [], thread_ts=thread_ts, files=shown)

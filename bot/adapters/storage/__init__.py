"""The storage adapter reaches the bucket through boto3; nothing else imports boto3."""

from bot.adapters.storage.anchors import S3AnchorStore
from bot.adapters.storage.client import Credentials, connect
from bot.adapters.storage.store import S3BackupStore

__all__ = ["Credentials", "S3AnchorStore", "S3BackupStore", "connect"]

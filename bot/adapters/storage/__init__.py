"""The bucket, through boto3. Nothing else imports it."""

from bot.adapters.storage.client import Credentials, connect
from bot.adapters.storage.store import S3BackupStore

__all__ = ["Credentials", "S3BackupStore", "connect"]

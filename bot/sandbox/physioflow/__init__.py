"""Builds PhysioFlow's sample: a clinic's schema in 27 migrations, and data in three environments."""

from bot.sandbox.physioflow.sample import ENVIRONMENTS, Sample, seed
from bot.sandbox.physioflow.schema import migrate

__all__ = ["ENVIRONMENTS", "Sample", "migrate", "seed"]

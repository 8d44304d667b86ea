"""What dead processes left lying about."""

import os
from pathlib import Path

from bot.engine.tidying import SCRATCH_AGE, tidy
from tests.fakes import workplace as fakes

"""PostgreSQL's own parser, libpg_query, by way of postgast.

Imported by name: the stubs that postgast ships have syntax errors, and mypy gives up at the first of them.
"""

import importlib
from typing import Any

postgast: Any = importlib.import_module("postgast")

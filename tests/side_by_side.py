"""A pytest plugin: processes that test side by side get a database server and a broker each.

Named by `-p` in pyproject.toml, since settings are read before any conftest is.
"""

import os
from pathlib import Path

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["VAR"] = str(Path(os.environ.get("VAR", "var")).resolve() / worker)

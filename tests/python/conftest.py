# SPDX-License-Identifier: MIT
import os
import tempfile

import pytest

# Not the user's cache.
os.environ["NEREID_CACHE_DIR"] = tempfile.mkdtemp(prefix="nereid-test-")


def pytest_terminal_summary(terminalreporter):
    """Prints the line that scripts/test.sh parses."""
    count = {what: len(terminalreporter.stats.get(what, [])) for what in ("passed", "failed", "error")}
    terminalreporter.write_line(f"{count['passed']} passed, {count['failed'] + count['error']} failed")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEREID_CACHE_DIR", str(tmp_path))
    return tmp_path

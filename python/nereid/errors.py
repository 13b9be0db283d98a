# SPDX-License-Identifier: MIT
"""What goes wrong."""
import json


class CompileError(Exception):
    """The kernel is none that can be compiled. The text has the lines of source with carets, and a hint."""

    def __init__(self, text, diagnostics="[]"):
        super().__init__(text)
        self._diagnostics = diagnostics

    @property
    def diagnostics(self):
        """A dict for each error: id, text, hint, file, line, column, length, labels."""
        return json.loads(self._diagnostics)

    def __reduce__(self):
        return CompileError, (str(self), self._diagnostics)


class InternalError(RuntimeError):
    """A fault of Nereid itself. The text has a command that reproduces it."""


class LaunchError(RuntimeError):
    """A launch that stopped: a tl.device_assert that failed."""

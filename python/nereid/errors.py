# SPDX-License-Identifier: MIT
"""The exceptions of Nereid."""
import json


class CompileError(Exception):
    """The kernel has an error. The text has the source lines with carets, and a hint."""

    def __init__(self, text, diagnostics="[]"):
        super().__init__(text)
        self._diagnostics = diagnostics

    @property
    def diagnostics(self):
        """One dict per error: id, text, hint, file, line, column, length, labels."""
        return json.loads(self._diagnostics)

    def __reduce__(self):
        return CompileError, (str(self), self._diagnostics)


class InternalError(RuntimeError):
    """A fault of Nereid, not of the kernel. The text has a command that reproduces it."""


class LaunchError(RuntimeError):
    """A launch stopped because a tl.device_assert failed."""

# SPDX-License-Identifier: MIT
"""Hooks, as Triton's: nereid.knobs.runtime.launch_enter_hook = f, which is called with a description of each launch."""
import os

from . import _core


class _Runtime:
    """launch_enter_hook and launch_exit_hook run around launches; jit_cache_hook runs before a kernel is compiled or read from the cache, and
    jit_post_compile_hook after. `check` (NEREID_CHECK=1) runs every launch in the interpreter, with the checks of nereid.check."""

    def __init__(self):
        self.jit_cache_hook = self.jit_post_compile_hook = None
        self._enter = self._exit = None
        self.check = os.environ.get("NEREID_CHECK", "0") not in ("", "0")

    def _any(self):
        return bool(self._enter or self._exit or self._check)

    @property
    def check(self):
        return self._check

    @check.setter
    def check(self, on):
        self._check = bool(on)
        _core.set_checks(self._check)
        _core.set_hooks(self._any())

    @property
    def launch_enter_hook(self):
        return self._enter

    @launch_enter_hook.setter
    def launch_enter_hook(self, hook):
        self._enter = hook
        _core.set_hooks(self._any())

    @property
    def launch_exit_hook(self):
        return self._exit

    @launch_exit_hook.setter
    def launch_exit_hook(self, hook):
        self._exit = hook
        _core.set_hooks(self._any())


runtime = _Runtime()

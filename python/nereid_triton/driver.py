# SPDX-License-Identifier: MIT
try:
    from nereid.backend.driver import NereidDriver  # noqa: F401
except Exception:  # compiler.py says why
    from triton.backends.driver import DriverBase

    class NereidDriver(DriverBase):

        @classmethod
        def is_active(cls):
            return False

        def _absent(self, *_):
            raise RuntimeError("Nereid cannot be loaded")

        map_python_to_cpp_type = get_current_target = get_active_torch_device = get_benchmarker = _absent

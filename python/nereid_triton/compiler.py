# SPDX-License-Identifier: MIT
try:
    from nereid.backend.compiler import NereidBackend  # noqa: F401
except Exception as error:
    import warnings

    from triton.backends.compiler import BaseBackend

    warnings.warn(f"Nereid cannot be loaded, so Triton goes without it: {error}", stacklevel=2)

    class NereidBackend(BaseBackend):

        @staticmethod
        def supports_target(target):
            return False

        def _absent(self, *_):
            raise RuntimeError("Nereid cannot be loaded")

        hash = parse_options = add_stages = load_dialects = get_module_map = _absent

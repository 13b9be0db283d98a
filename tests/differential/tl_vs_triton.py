# SPDX-License-Identifier: MIT
"""Compares the front-end with stock Triton, without a GPU.

For each case of corpus.py: stock Triton's unoptimised TTIR and ours are run on the interpreter with the same inputs, and must leave the
same values in memory. Stock Triton's own parser and verifier must accept our text, too.

    python tests/differential/tl_vs_triton.py [--nereid build/bin/nereid] [-k NAME] [FILE.py ...]

Needs triton==3.6.0 and numpy.
"""
import importlib.util
import sys
import threading

import triton
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend

import corpus

VERSION = tuple(map(int, triton.__version__.split(".")[:2]))


def kernel(case):
    """Stock Triton's function object."""
    module = sys.modules.get(case.path.stem)
    if module is None or getattr(module, "__file__", None) != str(case.path):
        sys.path.insert(0, str(case.path.parent))
        spec = importlib.util.spec_from_file_location(case.path.stem, case.path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[case.path.stem] = module
        spec.loader.exec_module(module)
    fn = getattr(module, case.kernel)
    while not isinstance(fn, triton.runtime.jit.JITFunction):
        fn = fn.fn
    return fn


class Stock:
    """Triton's front-end, for a GPU that need not exist."""

    def __init__(self):
        self.target = GPUTarget("cuda", 90, 32)
        self.backend = make_backend(self.target)
        self.lock = threading.Lock()  # it is made for one thread

    def context(self):
        context = ir.context()
        ir.load_dialects(context)
        self.backend.load_dialects(context)
        return context

    def ttir(self, case):
        fn = kernel(case)
        signature, constants, attrs = {}, {}, {}
        for i, (name, item) in enumerate(zip(case.parameters, case.signature)):
            if not item:
                constants[name] = eval(case.constants[name]) if name in case.constants else fn.params[i].default
                signature[name] = "constexpr"
                continue
            kind, _, hint = item.partition(":")
            signature[name] = kind
            if hint == "1":
                constants[name], signature[name] = 1, "constexpr"
            elif hint:
                attrs[(i, )] = [["tt.divisibility", int(hint)]]
        source = ASTSource(fn=fn, signature=signature, constexprs=constants, attrs=attrs)
        options = self.backend.parse_options({"sanitize_overflow": False, "allowed_dot_input_precisions": ("ieee", "tf32", "tf32x3")})
        context = self.context()
        module = source.make_ir(self.target, options, self.backend.get_codegen_implementation(options), self.backend.get_module_map(), context)
        return str(module)

    def accepts(self, path):
        context = self.context()  # must outlive the module
        module = ir.parse_mlir_module(str(path), context)
        accepted = module.verify()
        del module
        return accepted


stock = Stock()


def check(case, ours, inputs, folder, options):
    if case.since > VERSION:
        return False
    theirs = folder / "theirs.ttir"
    with stock.lock:
        theirs.write_text(stock.ttir(case))
        try:
            # The parser reports errors on the process's stderr.
            if not stock.accepts(ours):
                return "stock Triton refuses our text"
        except RuntimeError as e:
            return f"stock Triton does not parse our text: {e}"
    wanted = corpus.run(options.nereid, theirs, "interp", case.grid, inputs, folder)
    return corpus.compare(corpus.run(options.nereid, ours, "interp", case.grid, inputs, folder), wanted, case.tolerance)


if __name__ == "__main__":
    corpus.main(__doc__, check)

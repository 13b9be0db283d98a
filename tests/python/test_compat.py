# SPDX-License-Identifier: MIT
"""nereid.compat.install(): the parts of triton that libraries import. Each test is a separate process, which never imports stock Triton."""
import subprocess
import sys

import pytest

BEGIN = """
import importlib, importlib.metadata, importlib.util, sys
import numpy as np
import nereid, nereid.compat
nereid.compat.install()
import triton, triton.language as tl
"""


def run(tmp_path, text):
    """Runs the text from a file, so that kernels have a source."""
    path = tmp_path / "program.py"
    path.write_text(BEGIN + text)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


NAMES = """
triton.OutOfResources triton.TensorWrapper triton.MockTensor triton.reinterpret triton.set_allocator triton.compile
triton.backends.backends triton.backends.BaseBackend triton.backends.compiler.GPUTarget triton.backends.driver.DriverBase
triton.compiler.CompiledKernel triton.compiler.compiler.ASTSource triton.compiler.compiler.make_backend triton.compiler.compiler.triton_key triton.compiler.errors.CompilationError
triton.runtime.Autotuner triton.runtime.Heuristics triton.runtime.JITFunction triton.runtime.OutOfResources triton.runtime.MockTensor triton.runtime.driver
triton.runtime.autotuner.Autotuner triton.runtime.autotuner.Config triton.runtime.autotuner.OutOfResources triton.runtime.autotuner.autotune
triton.runtime.cache.FileCacheManager triton.runtime.cache.get_cache_manager triton.runtime.cache.triton_key triton.runtime.errors.PTXASError
triton.runtime.interpreter.InterpretedFunction triton.runtime.jit.JITFunction triton.runtime.jit.KernelInterface triton.runtime.jit.MockTensor triton.runtime.jit.TensorWrapper
triton.runtime.jit.jit triton.runtime._allocation.set_allocator
triton.language.core.builtin triton.language.core._unwrap_if_constexpr triton.language.core.CONSTEXPR_0 triton.language.core.dtype triton.language.core.view
triton.language.standard._log2 triton.language.standard.cdiv triton.language.semantic triton.language.extra.cuda.globaltimer triton.language.extra.cuda.gdc_wait
triton.language.extra.cuda.libdevice.tanh triton.language.math.exp triton.knobs.runtime triton.testing.do_bench triton.testing.runtime triton.tools.tensor_descriptor.TensorDescriptor
"""


def test_names(tmp_path):
    run(tmp_path, f"""
for name in '''{NAMES}'''.split():
    module, _, attribute = name.rpartition(".")
    getattr(importlib.import_module(module), attribute)
    exec(f"from {{module}} import {{attribute}}")
assert issubclass(triton.runtime.JITFunction, triton.runtime.jit.KernelInterface)
assert triton.runtime.jit.jit is triton.jit
""")


def test_modules_can_be_looked_for(tmp_path):
    run(tmp_path, """
for name in [n for n in sys.modules if n.split(".")[0] == "triton"]:
    spec = importlib.util.find_spec(name)
    assert spec.name == name and importlib.import_module(name).__package__ == name
assert importlib.util.find_spec("triton.experimental") is None
try:
    import triton.experimental.gluon
    raise AssertionError
except ModuleNotFoundError as e:
    assert "triton.experimental" in str(e)
assert importlib.metadata.version("triton")
assert importlib.metadata.version("numpy") == np.__version__
nereid.compat.uninstall()
assert "triton" not in sys.modules and not any("compat" in str(f) for f in sys.meta_path)
""")


def test_a_class_derived_from_autotuner(tmp_path):
    run(tmp_path, """
from triton.runtime.autotuner import Autotuner

class Mine(Autotuner):
    def __init__(self, fn, arg_names, configs, key, reset_to_zero, restore_value, pre_hook=None, post_hook=None, prune_configs_by=None, warmup=None, rep=None, use_cuda_graph=False):
        super().__init__(fn, arg_names, configs, key, reset_to_zero, restore_value, pre_hook, post_hook, prune_configs_by, warmup, rep, use_cuda_graph)
        assert self.base_fn.__name__ == "k" and len(fn.cache_key) == 64

    def run(self, *args, **kwargs):
        self.nargs = dict(zip(self.arg_names, args))
        times = {c: self._bench(*args, config=c, **kwargs)[0] for c in self.prune_configs(kwargs)}
        self.pre_hook({**self.nargs, **kwargs}, reset_only=True)
        self.seen = len(times)
        return self.fn.run(*args, **kwargs, **min(times, key=times.get).all_kwargs())

@triton.jit
def k(o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(o + i, 1, mask=i < n)

mine = Mine(k, k.arg_names, [triton.Config({"B": 16}), triton.Config({"B": 64}), triton.Config({"B": 128})], ["n"], ["o"], None, None, None,
            {"early_config_prune": lambda configs, args, **kwargs: [c for c in configs if c.kwargs["B"] <= args["n"]]}, warmup=1, rep=1)
o = np.zeros(64, np.int32)
mine[lambda meta: (triton.cdiv(64, meta["B"]),)](o, 64)
assert (o == 1).all() and mine.seen == 2, o

h = triton.runtime.Heuristics(k, k.arg_names, {"B": lambda args: triton.next_power_of_2(args["n"])})
h[(1,)](o, 64)
assert (o == 2).all()
""")


def test_reinterpret_and_constants(tmp_path):
    run(tmp_path, """
from triton.language.core import _unwrap_if_constexpr, builtin
assert _unwrap_if_constexpr(tl.constexpr(3)) == 3 and _unwrap_if_constexpr("x") == "x"

@triton.jit
def bits(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, tl.load(x + i))

x, o = np.array([1.0, -2.0, 0.0, 4.0], np.float32), np.zeros(4, np.int32)
bits[(1,)](triton.reinterpret(x, tl.int32), o, N=4)
assert list(o) == list(x.view(np.int32)), o
triton.set_allocator(lambda size, alignment, stream: None)
manager = triton.runtime.cache.get_cache_manager("abc")
manager.put("text", "a.json", binary=False)
assert open(manager.get_file("a.json")).read() == "text" and manager.get_file("b") is None
for refused in (lambda: triton.compile(None), lambda: triton.compiler.compiler.make_backend(None)):
    try:
        refused()
        raise AssertionError
    except NotImplementedError as e:
        assert "Nereid" in str(e) or "nereid" in str(e)
""")


def test_a_library_function_found_by_name(tmp_path):
    run(tmp_path, """
rsqrt = getattr(importlib.import_module("triton.language.extra.libdevice"), "rsqrt")

@triton.jit
def k(x, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(x + i, rsqrt(tl.load(x + i)))

x = np.full(8, 4, np.float32)
k[(1,)](x, N=8)
assert (x == 0.5).all()
""")


def test_torch_compiles_beside_it(tmp_path):
    pytest.importorskip("torch")
    run(tmp_path, """
import torch, torch._dynamo, torch._inductor.runtime.triton_compat
assert torch.compiler.disable(lambda x: x + 1)(torch.ones(2)).sum() == 4
torch.use_deterministic_algorithms(True)
assert torch.compile(lambda x: x + 1)(torch.ones(2)).sum() == 4
""")


def test_what_libraries_ask_of_kernels(tmp_path):
    run(tmp_path, """
def marked(fn):
    return fn

@marked
@triton.jit
def scaled(x, o, n, S: tl.constexpr, N: tl.constexpr = 8):
    i = tl.arange(0, N)
    tl.store(o + i, tl.load(x + i, mask=i < n) * S)

assert scaled.src.startswith("def scaled(x, o, n") and scaled.__globals__ is globals() and len(scaled.cache_key) == 64
x, o = np.ones(8, np.float32), np.zeros(8, np.float32)
compiled = scaled[(1,)](x, o, 8, 3)
assert (o == 3).all()
compiled[(1, 1, 1)](x * 2, o, 8)  # without its constants
assert (o == 6).all()
compiled[(1, 1, 1)](x * 3, o, 8, 3, 8)  # with them
assert (o == 9).all()
""")


def test_functions_in_constexprs(tmp_path):
    run(tmp_path, """
def inner(n):
    return n + EXTRA

EXTRA = 5

@tl.constexpr
def decorated(n):
    return inner(n) * 2

def plain(n):
    return n - 1

wrapped = tl.constexpr(plain)

@triton.jit
def k(o, N: tl.constexpr):
    a: tl.constexpr = decorated(N)
    b: tl.constexpr = wrapped(N)
    tl.store(o, a)
    tl.store(o + 1, b)

o = np.zeros(2, np.int32)
k[(1,)](o, N=4)
assert list(o) == [18, 3], o
""")

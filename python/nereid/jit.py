# SPDX-License-Identifier: MIT
"""nereid.jit: kernels in the Triton language that run on this processor."""
import functools
import importlib
import inspect
import os
import textwrap
import types
import weakref

from . import _cache, _checks, _core, _launch, _source, _stages, knobs
from .errors import CompileError
from .language import _values
from .language._values import aggregate  # noqa: F401


class KernelInterface:
    """Base of everything that is launched as kernel[grid](...): kernels, and kernels with autotune or heuristics."""

    def __getitem__(self, grid):
        return lambda *args, **kwargs: self.run(*args, grid=grid, warmup=False, **kwargs)

    def warmup(self, *args, grid, **kwargs):
        """Compiles for these arguments without launching. A dtype represents an array of that dtype."""
        return self.run(*map(_typed, args), grid=grid, warmup=True, **{k: _typed(v) for k, v in kwargs.items()})


class MockTensor:
    """An array with a dtype and no data, for kernel.warmup."""

    def __init__(self, dtype, shape=None):
        self.dtype, self.shape = dtype, shape

    @staticmethod
    def wrap_dtype(value):
        return _typed(value)

    def data_ptr(self):
        return 0


def _typed(value):
    return MockTensor(value) if isinstance(value, _values.dtype) or type(value).__module__ == "torch" and type(value).__name__ == "dtype" else value


class Param:
    """A parameter of the kernel's `def` line."""

    def __init__(self, num, name, annotation, default, do_not_specialize, do_not_align):
        self.num, self.name, self.default = num, name, default
        self.annotation = _spelled(annotation)
        self.do_not_specialize, self.do_not_specialize_on_alignment = do_not_specialize, do_not_align
        self.is_constexpr = "constexpr" in self.annotation
        self.has_default = default is not inspect.Parameter.empty

    @property
    def declared(self):
        """The declared type, or "" if the argument decides the type."""
        name = self.annotation.removeprefix("*").removeprefix("k")
        return self.annotation if name in _NAMES else ""


_NAMES = {d.spelled for d in _values.DTYPES.values()} - {"void"}
_OTHER_NAMES = {d.attribute: d.spelled for d in _values.DTYPES.values()} | {"u1": "i1", "bool": "i1"}


def _spelled(annotation):
    """The signature spelling of `tl.int64`, "tl.int64", "i64" or tl.pointer_type(tl.float32)."""
    if annotation is inspect.Parameter.empty:
        return ""
    text = getattr(annotation, "__name__", None) or str(annotation)
    text = text.removeprefix("tl.").strip("'\"")
    stars = len(text) - len(text.lstrip("*"))
    return "*" * stars + _OTHER_NAMES.get(text[stars:], text[stars:])


class JITFunction(_launch.Launcher, KernelInterface):
    """A kernel, launched as kernel[grid](...).

    It is compiled once per combination of argument types, constexprs, integers that are 1, and addresses and integers that are divisible by 16.
    """

    __getitem__ = _core.FastPath.__getitem__  # in C++ where there is the extension, because every launch calls it

    def __init__(self, fn, do_not_specialize=None, do_not_specialize_on_alignment=None, debug=None, noinline=None, repr=None, launch_metadata=None, version=None):
        super().__init__()
        if not isinstance(fn, types.FunctionType):
            raise TypeError(f"nereid.jit decorates a function, but got {fn!r}")
        if fn.__name__ == "<lambda>":
            raise TypeError("nereid.jit cannot compile a lambda: write the kernel as a function with `def`")
        self.fn, self.name = fn, fn.__name__
        functools.update_wrapper(self, fn)
        _source.source_lines(fn)  # raises now if there is no source
        self.signature = inspect.signature(fn)
        plain, unaligned = list(do_not_specialize or ()), list(do_not_specialize_on_alignment or ())
        self.params = []
        for i, p in enumerate(self.signature.parameters.values()):
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue  # allowed in helpers; the compiler refuses them in kernels
            self.params.append(Param(i, p.name, p.annotation, p.default, i in plain or p.name in plain, i in unaligned or p.name in unaligned))
        for p in self.params:
            narrow = p.declared.startswith(("fp", "bf")) or p.declared == "i1"
            self.add_parameter(p.name, p.is_constexpr, not (p.do_not_specialize or narrow), not p.do_not_specialize_on_alignment, p.declared, p.default if p.has_default else None, p.has_default)
        self.arg_names = [p.name for p in self.params]
        self.constexprs = [p.num for p in self.params if p.is_constexpr]
        self.noinline, self.launch_metadata = bool(noinline), launch_metadata
        self.debug = bool(debug) or os.environ.get("TRITON_DEBUG", "").lower() in ("1", "true", "on", "yes", "y")
        self.pre_run_hooks = []
        self._files, self._watched = None, set()
        self._last = None  # signature and constants of the last compilation

    def __call__(self, *args, **kwargs):
        if _values.running is not None:  # nereid.debug runs a kernel that calls this helper
            return _values.running.invoke(self, args, kwargs)
        raise RuntimeError(f"`{self.__name__}` is a kernel: launch it with a grid, as {self.__name__}[grid](...)")

    def __repr__(self):
        return f"<kernel {self.__module__}.{self.__qualname__}>"

    def __reduce__(self):
        return _found, (self.__module__, self.__qualname__)

    @property
    def src(self):
        """The source, starting at `def`."""
        lines = _source.source_lines(self.fn)[0]
        return textwrap.dedent("".join(lines[next((i for i, line in enumerate(lines) if line.lstrip().startswith("def ")), 0):]))

    @property
    def __globals__(self):
        return self.fn.__globals__

    @property
    def cache_key(self):
        """A hash of the source of the kernel and of everything it uses."""
        return _cache.key(_source.Files(self).list())

    def add_pre_run_hook(self, hook):
        """Calls hook(*args, **kwargs) before each launch."""
        if not callable(hook):
            raise TypeError(f"a hook must be callable, but got {hook!r}")
        self.pre_run_hooks.append(hook)
        self.slow = True

    def run(self, *args, grid, warmup=False, **kwargs):
        """Does the same as kernel[grid](...); with `warmup` it compiles without launching."""
        if warmup:
            return self.kernel_for(*args, **kwargs)
        for hook in self.pre_run_hooks:
            hook(*args, **kwargs)
        enter, leave = knobs.runtime.launch_enter_hook, knobs.runtime.launch_exit_hook
        metadata = LaunchMetadata(self, grid, args, kwargs) if enter or leave else None
        if enter:
            enter(metadata)
        slow, hooks = self.slow, knobs.runtime._any()
        try:
            self.slow = False
            _core.set_hooks(False)
            if knobs.runtime.check:
                return _checks.checked_launch(self, grid, args, kwargs)
            return self[grid](*args, **kwargs)
        finally:
            self.slow = slow
            _core.set_hooks(hooks)
            if leave:
                leave(metadata)

    # ---- compiling

    def _sources(self, constants):
        """The files, and the constants as texts for the compiler."""
        texts = {name: _source.literal(value) for name, value in constants.items()}
        self.refresh()
        if None in texts.values():  # functions: the files have to name them
            return self._watching(_source.Files(self, {name: value for name, value in constants.items() if texts[name] is None}), texts)
        if self._files is None:
            self._files = self._watching(_source.Files(self), {})[0]
        return self._files, texts

    def _watching(self, files, texts):
        for watched in files.watched:
            key = id(watched[0]), watched[1]
            if key not in self._watched:
                self._watched.add(key)
                self.watch(*watched)
        return files, texts | files.constants

    def _redefined(self):
        """Called when a function or class that the kernel uses has been redefined."""
        self._files, self._watched = None, set()

    def _request(self, signature, constants, debug, target="cpu"):
        files, texts = self._sources(constants)
        return dict(path=files.entry, files=files.list(), kernel=self.fn.__name__, signature=signature, constants=texts, target=target, debug=debug, print=print, python=_source.Python(files))

    def _compile(self, signature, constants, debug):
        """Called by the first launch with a combination of types and constants."""
        request = self._request(signature, constants, debug)
        self._last = signature, constants, debug
        if knobs.runtime.jit_cache_hook and knobs.runtime.jit_cache_hook(key=request, fn=self):
            raise RuntimeError("knobs.runtime.jit_cache_hook refused to compile the kernel")
        name = _name(request)
        kernel = self._tuned(request, name) or self._built(request, name)
        kernel.launcher, kernel.constants = weakref.ref(self), dict(constants)
        if os.environ.get("NEREID_DUMP"):
            _stages.dump(os.environ["NEREID_DUMP"], self.fn.__name__, name, request)
        if knobs.runtime.jit_post_compile_hook:
            knobs.runtime.jit_post_compile_hook(key=request, fn=self, kernel=kernel)
        return kernel

    def _compile_for_gpu(self, call):
        """Called by the first launch with a combination of types and constants, with arrays on a GPU."""
        kernel = call.gpu.compiled(self._request(call.items, call.constants, call.debug, "webgpu"))
        kernel.launcher, kernel.constants = weakref.ref(self), dict(call.constants)
        return kernel

    def _tuned(self, request, name):
        """Returns the kernel compiled with the schedule that nereid.tune found, or None."""
        schedule = _cache.schedule(name)
        if not schedule:
            return None
        request["schedule"] = schedule
        try:
            return self._built(request, _cache.key(name, schedule))
        except CompileError:  # a damaged schedule, or an error of the kernel, which is raised by the other compilation
            del request["schedule"]
            _cache.keep_schedule(name, "")
            return None

    def _built(self, request, name):
        python = request["python"]
        kernel = _cache.find(name, python.fresh())
        if kernel is None:
            kernel = _core.compile(**request)
            _cache.keep(name, python, kernel)
        return kernel

    def _described(self, args, kwargs):
        """Signature, constants and debug of these arguments; without arguments, of the last launch, with these constants instead."""
        if args or not self._last or any(p.name in kwargs and not p.is_constexpr for p in self.params):
            signature, constants, _, debug = self.describe_call(*map(_typed, args), **{k: _typed(v) for k, v in kwargs.items()})
            return signature, constants, debug
        signature, constants, debug = self._last
        for name in kwargs:
            if name not in self.arg_names:
                raise TypeError(f"kernel `{self.__name__}` has no parameter `{name}`; its parameters are {', '.join(self.arg_names)}")
        return signature, {**constants, **kwargs}, debug

    def emit(self, stage="ttir", *args, signature=None, **kwargs):
        """The text of one stage of the compiler: tokens, ast, ttir, passes, schedule, candidates, lower, llvm, asm, wat, wgsl.

        Compiles for the arguments of a launch, as in `kernel.emit("asm", x, y, n, BLOCK=256)`; or for a signature as in Triton's AOT tool, as in
        `kernel.emit("wgsl", signature="*fp32:16,*fp32:16,i32", BLOCK=256)`; or, without either, for the last launch.
        """
        request = self._request_for(args, signature, kwargs)
        request["schedule"] = _cache.schedule(_name(request))
        request.pop("target")
        return _stages.text(request, stage)

    def _request_for(self, args, signature, kwargs, target="cpu"):
        if signature is not None:
            items = signature_items(self, signature, kwargs)
            return self._request(items, dict(kwargs), self.debug, target)
        items, constants, debug = self._described(args, kwargs)
        return self._request(items, constants, debug, target)

    def _repr_html_(self):
        return _stages.html(self)


def _name(request):
    """The name of a request's kernel in the cache."""
    return _cache.key(request["path"], request["files"], request["kernel"], request["signature"], sorted(request["constants"].items()), request["debug"])


def _launch_compiled(kernel, grid):
    """compiled[grid](...): takes all arguments of the kernel, or all but its constexprs."""

    def launch(*args, stream=None):
        fn = kernel.launcher()
        if len(args) != len(fn.params):
            args, rest = [], iter(args)
            args = [kernel.constants[p.name] if p.is_constexpr else next(rest) for p in fn.params]
        return fn[grid](*args)

    return launch


def _found(module, name):
    """Finds a kernel that was pickled by name."""
    import importlib
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def signature_items(kernel, signature, constants):
    """One item per parameter, from "*fp32,i32", a list of items or {name: item}. Constants have an empty item."""
    if isinstance(signature, dict):
        return ["" if p.name in constants else signature.get(p.name, "").replace("constexpr", "") for p in kernel.params]
    items = split_signature(signature) if isinstance(signature, str) else list(signature)
    if len(items) == len(kernel.params):
        return ["" if p.name in constants else item for p, item in zip(kernel.params, items)]
    rest = iter(items)
    return ["" if p.name in constants or p.is_constexpr else next(rest, "") for p in kernel.params]


def split_signature(text):
    out, depth, item = [], 0, ""
    for c in text:
        depth += (c in "([<") - (c in ")]>")
        if c == "," and depth == 0:
            out.append(item.strip())
            item = ""
        else:
            item += c
    return out + [item.strip()] if item.strip() else out


class LaunchMetadata:
    """The description of a launch that hooks get."""

    def __init__(self, fn, grid, args, kwargs):
        self.fn, self.grid, self.args, self.kwargs, self.name = fn, grid, args, kwargs, fn.__name__

    def get(self):
        return {"name": self.name, "grid": self.grid}


class ConstexprFunction:
    """A function that kernels call at compile time; outside kernels it is an ordinary function."""

    def __init__(self, fn):
        self.fn = fn
        functools.update_wrapper(self, fn)

    def __call__(self, *args, **kwargs):
        unwrap = lambda v: v.value if isinstance(v, _values.constexpr) else v
        return self.fn(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})


def jit(fn=None, device=None, **options):
    """Makes a function in the Triton language a kernel, or a helper that kernels call. The options are those of triton.jit; with device="gpu", or "gpu:1" for
    the second one, launches run on a GPU. Without it they run where their arrays are."""
    if fn is None:
        return lambda f: jit(f, device, **options)
    if isinstance(fn, JITFunction):
        return fn
    if device not in (None, "cpu"):
        if not isinstance(device, str) or device.partition(":")[0] != "gpu":
            raise ValueError(f'device must be "cpu", "gpu" or "gpu:N" (got {device!r})')
        return importlib.import_module("nereid.gpu").OnGpu(fn, device, **options)  # which imports this module
    return JITFunction(fn, **options)


def constexpr_function(fn):
    """Makes a function callable from kernels at compile time, with constexprs as arguments."""
    return ConstexprFunction(fn)


def cdiv(x, y):
    """Ceiling division: the number of blocks of size y that cover x elements."""
    if _values.running is not None and (isinstance(x, _values.tensor) or isinstance(y, _values.tensor)):
        return (x + (y - 1)) // y  # integers of kernels divide toward zero
    return -(-x // y)


def next_power_of_2(n):
    """The smallest power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()

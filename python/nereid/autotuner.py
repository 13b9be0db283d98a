# SPDX-License-Identifier: MIT
"""autotune and heuristics, as Triton's: the values of constexprs that a launch does not pass are measured, or computed from its arguments."""
import inspect
import json
import os
import tempfile
import time

from . import _cache, _checks, _core, _source, inspection, knobs
from .errors import CompileError
from .jit import JITFunction, KernelInterface
from .testing import do_bench as _do_bench


class Config:
    """Values of constexprs to try. Warps and stages have no effect on a CPU; they are accepted for compatibility."""

    def __init__(self, kwargs, num_warps=4, num_stages=3, num_ctas=1, maxnreg=None, pre_hook=None, ir_override=None):
        if ir_override is not None:
            raise NotImplementedError("ir_override is not supported: Nereid compiles kernels from their source only")
        self.kwargs, self.num_warps, self.num_stages, self.num_ctas, self.maxnreg, self.pre_hook, self.ir_override = kwargs, num_warps, num_stages, num_ctas, maxnreg, pre_hook, ir_override

    def all_kwargs(self):
        return {**self.kwargs, "num_warps": self.num_warps, "num_ctas": self.num_ctas, "num_stages": self.num_stages}

    def __str__(self):
        return ", ".join(f"{k}: {v}" for k, v in self.all_kwargs().items())

    __repr__ = __str__

    def _identity(self):
        return tuple(self.all_kwargs().items()), self.pre_hook

    def __hash__(self):
        return hash(self._identity())

    def __eq__(self, other):
        return isinstance(other, Config) and self._identity() == other._identity()


class Autotuner(KernelInterface):
    """The result of nereid.autotune. Parameters, attributes and methods are those of Triton's class, so that classes of libraries can derive from it."""

    def __init__(self, fn, arg_names, configs, key, reset_to_zero=None, restore_value=None, pre_hook=None, post_hook=None, prune_configs_by=None, warmup=None, rep=None,
                 use_cuda_graph=False, do_bench=None, cache_results=False):
        self.fn, self.configs, self.keys = fn, list(configs or ()) or [Config({})], list(key)
        self.arg_names = arg_names
        self.base_fn = fn
        while not inspect.isfunction(self.base_fn):
            self.base_fn = self.base_fn.fn
        self.__name__, self.__doc__, self.__module__ = self.base_fn.__name__, self.base_fn.__doc__, self.base_fn.__module__
        self.reset_to_zero, self.restore_value = list(reset_to_zero or ()), list(restore_value or ())
        self.user_defined_pre_hook, self.user_defined_post_hook = pre_hook is not None, post_hook is not None
        self.pre_hook, self.post_hook = pre_hook or self._reset, post_hook or self._restore
        by = prune_configs_by or {}
        self.perf_model, self.configs_top_k, self.early_config_prune = by.get("perf_model"), by.get("top_k", 1.0), by.get("early_config_prune")
        quick = {k: v for k, v in (("warmup", warmup), ("rep", rep)) if v is not None}
        self._clocked = do_bench is None  # on a GPU with a clock
        self.do_bench = do_bench or (lambda call, quantiles: _do_bench(call, quantiles=quantiles, **({"warmup": 5, "rep": 20} | quick)))
        self.num_warmups, self.num_reps, self.use_cuda_graph = warmup, rep, use_cuda_graph
        self.cache_results = cache_results or os.environ.get("TRITON_CACHE_AUTOTUNING") == "1"
        self.cache, self.best_config, self.configs_timings, self.bench_time, self.nargs, self.restore_copies = {}, None, {}, 0.0, None, {}

    def _reset(self, args, reset_only=False):
        for name in self.reset_to_zero:
            if args.get(name) is not None:
                _assign(args[name], 0)
        if not reset_only:
            self.restore_copies = {name: _copy(args[name]) for name in self.restore_value if args.get(name) is not None}

    def _restore(self, args, exception=None):
        for name, old in self.restore_copies.items():
            _assign(args[name], old)
        self.restore_copies = {}

    def _arguments(self, args, kwargs):
        return {**dict(zip(self.arg_names, args)), **kwargs}

    def _bench(self, *args, config, **meta):
        """The times of a configuration: median and two quantiles; infinite if it does not compile."""
        if again := meta.keys() & config.kwargs.keys():
            raise ValueError(f"the launch of `{self.__name__}` passes {', '.join(sorted(again))}, but the autotuner's configurations set it: do not pass it")
        current = {**meta, **config.all_kwargs()}
        values = {**(self.nargs or {}), **current}

        on_gpu = any(hasattr(type(v), "__nereid_gpu__") for v in values.values())

        def call():
            if config.pre_hook:
                config.pre_hook(values)
            self.pre_hook(values)
            error = None
            try:
                self.fn.run(*args, **current)
                if on_gpu:
                    from . import gpu
                    gpu.synchronize()
            except Exception as e:
                error = e
                raise
            finally:
                self.post_hook(values, exception=error)

        try:
            if on_gpu and isinstance(self.fn, JITFunction) and self._clocked:
                return self._by_clock(args, current, values, config)
            return self.do_bench(call, quantiles=(0.5, 0.2, 0.8))
        except CompileError:
            return [float("inf")] * 3

    def _by_clock(self, args, current, values, config):
        """Times in ms by the clock of the GPU."""
        if config.pre_hook:
            config.pre_hook(values)
        self.pre_hook(values)
        try:
            own = {k: v for k, v in current.items() if k in self.fn.arg_names}
            measured = inspection.benchmark(self.fn, *args, grid=current["grid"], runs=30, **own)
        finally:
            self.post_hook(values, exception=None)
        return [measured.quantile(q) / 1e3 for q in (0.5, 0.2, 0.8)]

    # With cache_results, measurements are stored with the compiled kernels.

    def _kernel(self):
        return inspection._kernel(self)

    def _place(self, configs, key):
        folder = _cache.directory()
        if not self.cache_results or not folder or any(c.pre_hook for c in configs):
            return None
        files = _source.Files(self._kernel()).list()
        return os.path.join(folder, "tuned", _cache.key(files, [str(c) for c in configs], key, _core.get_num_threads()) + ".json")

    @staticmethod
    def _stored(place, configs):
        try:
            with open(place, encoding="utf-8") as f:
                times = json.load(f)
            return {c: times[str(c)] for c in configs}
        except (OSError, TypeError, ValueError, KeyError):
            return None

    @staticmethod
    def _store(place, timings):
        if place is None:
            return
        try:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=os.path.dirname(place))
            with os.fdopen(handle, "w", encoding="utf-8") as f:
                json.dump({str(c): list(t) if isinstance(t, (list, tuple)) else t for c, t in timings.items()}, f)
            os.replace(aside, place)
        except OSError:
            pass

    def prune_configs(self, kwargs):
        """The configurations to measure for the arguments `nargs` and `kwargs`."""
        configs = self.configs
        if self.early_config_prune:
            configs = list(self.early_config_prune(configs, self.nargs, **kwargs))
            if not configs:
                raise RuntimeError(f"early_config_prune removed every configuration of `{self.__name__}`")
        if self.perf_model:
            top = self.configs_top_k
            count = int(len(self.configs) * top) if isinstance(top, float) and top <= 1 else int(top)
            if len(configs) > count:
                configs = sorted(configs, key=lambda c: self.perf_model(**{**self.nargs, **kwargs, **c.all_kwargs()}))[:max(count, 1)]
        return configs

    def _key(self, values):
        """The key of a problem: the values of the arguments in `key`, and the types of arrays."""
        return tuple(_hashable(values[k]) for k in self.keys if k in values) + tuple(about[2] for about in _checks.arrays_of(values.values()))

    def chosen(self, args, kwargs):
        """The fastest configuration for these arguments if it was measured, else the first."""
        if not args:
            return self.best_config or self.configs[0]
        known = self.cache.get(self._key(self._arguments(args, kwargs)))
        if known:
            return known
        self.nargs = dict(zip(self.arg_names, args))
        return self.prune_configs(kwargs)[0]

    def prepare(self, args, kwargs):
        """Runs the hook of the configuration that a launch with these arguments would use."""
        config = self.chosen(args, kwargs)
        if config.pre_hook:
            config.pre_hook({**self._arguments(args, kwargs), **config.all_kwargs()})

    def run(self, *args, **kwargs):
        values = self._arguments(args, kwargs)
        self.nargs = dict(zip(self.arg_names, args))
        if len(self.configs) > 1:
            key = self._key({k: v for k, v in values.items() if k in self.arg_names})
            config = self.cache.get(key)
            if config is None:
                if kwargs.get("warmup") or knobs.runtime.check:  # a launch that checks itself takes long enough without measuring
                    config = self.prune_configs(kwargs)[0]
                else:
                    config = self._tuned(key, args, kwargs, values)
        else:
            config = self.configs[0]
        self.best_config = config
        if config.pre_hook and not kwargs.get("warmup"):
            config.pre_hook({**values, **config.all_kwargs()})
        return self.fn.run(*args, **{**kwargs, **config.all_kwargs()})

    def _tuned(self, key, args, kwargs, values):
        configs = self.prune_configs(kwargs)
        place = self._place(configs, key)
        timings = self._stored(place, configs)
        if timings is None:
            before = time.perf_counter()
            timings = {c: self._bench(*args, config=c, **kwargs) for c in configs}
            self.bench_time = time.perf_counter() - before
            self._store(place, timings)
            if _takes(self.pre_hook, "reset_only"):  # the launch that follows begins as the measurements did
                self.pre_hook({**values, **min(timings, key=lambda c: _first(timings[c])).all_kwargs()}, reset_only=True)
        config = min(timings, key=lambda c: _first(timings[c]))
        if _first(timings[config]) == float("inf"):  # says why
            self.fn.run(*args, **{**kwargs, **config.all_kwargs(), "warmup": True})
        self.configs_timings = timings
        self.cache[key] = config
        if os.environ.get("TRITON_PRINT_AUTOTUNING") == "1":
            print(f"autotuning of {self.__name__} for {key} took {self.bench_time:.2f} s; best: {config}")
        return config

    def emit(self, stage="ttir", *args, signature=None, **kwargs):
        return _emit(self, stage, args, signature, kwargs)


class Heuristics(KernelInterface):

    def __init__(self, fn, arg_names, values):
        self.fn, self.values, self.arg_names = fn, values, arg_names
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__

    def run(self, *args, **kwargs):
        for name, value in self.values.items():
            kwargs[name] = value({**dict(zip(self.arg_names, args)), **kwargs})
        return self.fn.run(*args, **kwargs)

    def emit(self, stage="ttir", *args, signature=None, **kwargs):
        return _emit(self, stage, args, signature, kwargs)


def _emit(outer, stage, args, signature, kwargs):
    kernel, constants = inspection.resolved(outer, args, kwargs, signature)
    return kernel.emit(stage, *args, signature=signature, **(constants if args or signature is not None or not kernel._last else kwargs))


def _takes(function, name):
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == name or p.kind == p.VAR_KEYWORD for p in parameters)


def _hashable(value):
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def _first(timing):
    return timing[0] if isinstance(timing, (list, tuple)) else timing


def _copy(array):
    return array.clone() if hasattr(array, "clone") else array.copy()


def _assign(array, value):
    if hasattr(type(array), "__nereid_gpu__"):
        old = array.numpy()
        old[...] = 0 if isinstance(value, int) else value.numpy()
        array.write(old)
    elif hasattr(array, "copy_") and not isinstance(value, int):
        array.copy_(value)
    elif hasattr(array, "zero_"):
        array.zero_()
    else:
        array[...] = value


def autotune(configs, key, prune_configs_by=None, reset_to_zero=None, restore_value=None, pre_hook=None, post_hook=None, warmup=None, rep=None, use_cuda_graph=False, do_bench=None,
             cache_results=False):
    """Measures the configurations on the first launch with new types or new values of the arguments in `key`, and launches the fastest one."""
    return lambda fn: Autotuner(fn, fn.arg_names, configs, key, reset_to_zero, restore_value, pre_hook=pre_hook, post_hook=post_hook, prune_configs_by=prune_configs_by, warmup=warmup, rep=rep,
                                use_cuda_graph=use_cuda_graph, do_bench=do_bench, cache_results=cache_results)


def heuristics(values):
    """Computes constexprs from the arguments of a launch: {"EVEN": lambda args: args["n"] % 2 == 0}."""
    return lambda fn: Heuristics(fn, fn.arg_names, values)

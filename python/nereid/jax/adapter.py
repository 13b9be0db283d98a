# SPDX-License-Identifier: MIT
"""jax_triton.triton_call on the CPU: a lowering for this platform, next to its own for GPUs. Triton's front-end makes the IR, as for a GPU."""
import base64
import json
import struct
import threading

from jax import tree_util
from jax._src.interpreters import mlir
from jax._src.interpreters import partial_eval as pe

from . import _call
from .kernel_call import full_grid

_patched = False
_lock = threading.Lock()
_tuning = threading.RLock()  # heuristics of the user's are called under it


def patch_jax_triton():
    """Lets jax_triton.triton_call run in programs for the CPU. Nothing changes for GPUs."""
    global _patched
    try:
        import jax_triton
        import jax_triton.triton_lib as lib
    except ImportError as e:
        raise ImportError("jax_triton is not installed: install it, or use nereid.jax.triton_call, which does not need it") from e
    missing = [name for name in ("triton_kernel_call_p", "TritonFunction", "KernelSpecialization", "compile_ttir_inplace", "_StaticArg", "_OutputPlaceholder") if not hasattr(lib, name)]
    if missing:
        raise ImportError(f"jax_triton {getattr(jax_triton, '__version__', '')} lacks {', '.join(missing)}: install jax_triton 0.4")
    with _lock:
        if not _patched:
            _patch(lib)
            _patched = True


def _target(compute_capability, num_ctas):
    from triton.backends.compiler import GPUTarget
    del compute_capability
    if num_ctas > 1:
        raise ValueError(f"num_ctas must be 1 on a CPU (got {num_ctas})")
    return GPUTarget("cpu", "nereid", 1)


def _patch(lib):
    from ..backend.compiler import NereidBackend
    theirs_get, theirs_compile = lib.TritonFunction.get_or_create_kernel, lib.compile_ttir_inplace

    def compile_ttir_inplace(ttir, backend, options, gpu_target):
        if not isinstance(backend, NereidBackend):
            return theirs_compile(ttir, backend, options, gpu_target)
        text = str(ttir)
        if options.debug:
            print(text)
        return _call.compiled(text)

    # jax_triton and its tests count and find these two by name.
    def get_or_create_kernel(self, make_target_func, platform, args, arg_dtypes, *, in_tree, objpaths, compute_capability, backend_options, metaparams):
        if platform != "cpu":
            return theirs_get(self, make_target_func, platform, args, arg_dtypes, in_tree=in_tree, objpaths=objpaths, compute_capability=compute_capability,
                              backend_options=backend_options, metaparams=metaparams)
        if type(self.fn).__name__ == "GluonJITFunction":
            raise NotImplementedError("Gluon kernels are not supported: their layouts are for GPUs; write the kernel in Triton")
        target = make_target_func(compute_capability, backend_options["num_ctas"])
        backend = NereidBackend(target)
        spec = lib.KernelSpecialization.build(self.non_constexpr_param_names, args, arg_dtypes, in_tree, objpaths, metaparams, backend)
        key = self._make_cache_key(spec, target, backend_options)
        with _lock:
            kept = self._kernel_cache.get(key)
        if kept is None:
            kept = compile_for_cpu(self, spec, target, backend, backend_options)
            with _lock:
                kept = self._kernel_cache.setdefault(key, kept)
        return kept, spec.attrs, ()

    def compile_for_cpu(self, spec, target, backend, backend_options):
        from triton import compiler
        from triton._C.libtriton import ir
        if len(self.signature.parameters) != len(spec.signature):
            raise TypeError(f"the kernel has the parameters {', '.join(self.signature.parameters)}, but there are arguments for {', '.join(spec.signature)}; "
                            "an aliased output must not be a separate parameter")
        options = backend.parse_options(backend_options)
        context = ir.context()
        ir.load_dialects(context)
        backend.load_dialects(context)
        source = compiler.ASTSource(self.fn, spec.signature, spec.constants, spec.attrs)
        module = source.make_ir(target, options, backend.get_codegen_implementation(options), backend.get_module_map(), context)
        return lib.compile_ttir_inplace(module, backend, options, target)

    pe.dce_rules[lib.triton_kernel_call_p] = pe.dce_rules[_call.nereid_call_p]  # the same, but theirs cannot be called by JAX 0.12
    lib.TritonFunction.get_or_create_kernel = get_or_create_kernel
    lib.compile_ttir_inplace = compile_ttir_inplace
    mlir.register_lowering(lib.triton_kernel_call_p, lambda ctx, *args, **params: _lower(lib, ctx, args, **params), platform="cpu")


def _bits(value, type_name):
    """The bits of a scalar of this type."""
    if type_name in ("fp32", "fp64"):
        return int.from_bytes(struct.pack("<f" if type_name == "fp32" else "<d", value), "little")
    return int(value) & (1 << 64) - 1


def _lower(lib, ctx, array_args, *, fn, name, in_tree, out_shapes, grid, compute_capability, backend_options, input_output_aliases, zeroed_outputs, serialized_metadata, metaparams,
           has_side_effect=False, cost_estimate=None, **unknown):
    del out_shapes
    if unknown:
        raise NotImplementedError(f"options of this version of jax_triton are not supported: {', '.join(unknown)}")
    # From JAX 0.11 on they are FrozenDicts, whose get() takes no default.
    backend_options, metaparams, input_output_aliases = dict(backend_options), dict(metaparams), dict(input_output_aliases)
    is_leaf = lambda x: isinstance(x, (lib._StaticArg, lib._OutputPlaceholder, lib.TensorDescriptor))
    leaves, tree = tree_util.tree_flatten_with_path(in_tree.unflatten(ctx.avals_in), is_leaf=is_leaf)
    inputs = len(ctx.avals_in)
    paths = [tuple(k.idx for k in path) for path, _ in leaves]
    # For each leaf its value or type, and its buffer if it has one.
    args, buffers, operands, arrays = [], [], [], 0
    for k, (_, leaf) in enumerate(leaves):
        if isinstance(leaf, lib._OutputPlaceholder):
            args.append(ctx.avals_out[leaf.ordinal])
            buffers.append(inputs + leaf.ordinal)
            continue
        operands.append(k)
        if isinstance(leaf, lib._StaticArg):
            args.append(leaf.value)
            buffers.append(None)
        else:
            args.append(leaf)
            buffers.append(arrays)
            arrays += 1
    aliases = {}
    for operand, out in input_output_aliases.items():
        at = operands[operand]
        aliases[buffers[at]] = out
        buffers[at] = inputs + out
    dtypes = ["i1" if t == "B" else t for t in map(lib.get_type_id, args)]  # Triton does not know its "B"

    function = lib.TritonFunction(fn)
    named = {**dict(zip(function.non_constexpr_param_names, tree.unflatten(args))), **metaparams}
    configs = []
    for config in _configs_of(function, backend_options, metaparams, named):
        constants = {**metaparams, **config.kwargs}
        options = {**backend_options, "num_warps": config.num_warps, "num_stages": config.num_stages, "num_ctas": config.num_ctas}
        kept, _, _ = function.get_or_create_kernel(_target, "cpu", args, dtypes, in_tree=tree, objpaths=paths, compute_capability=compute_capability, backend_options=options,
                                                   metaparams=constants)
        zeroed = zeroed_outputs(constants) if callable(zeroed_outputs) else zeroed_outputs
        zeros = [(inputs + o, _call.size_in_bytes(ctx.avals_out[o])) for o in sorted(zeroed)]
        configs.append(_call.Config(kept.ir, full_grid(grid, constants), _passed(lib, kept, args, buffers, paths, inputs), zeros, name=str(config)))

    text = _call.text_of(f"{name or function.name}", inputs, len(ctx.avals_out), [(i, inputs + o, _call.size_in_bytes(ctx.avals_out[o])) for i, o in sorted(aliases.items())], configs,
                         backend_options.get("num_threads", 0))
    attributes = {}
    if cost_estimate is not None:
        attributes["cost_estimate_json"] = json.dumps(dict(cost_estimate))
    if serialized_metadata:
        attributes["serialized_metadata"] = base64.b64encode(serialized_metadata).decode()
    return _call.lower_call(ctx, *array_args, call=text, aliases=aliases.items(), has_side_effect=has_side_effect, attributes=attributes)


def _configs_of(function, backend_options, metaparams, named):
    """make_configs leaves its own pruner in the autotuner, which would remove configurations of the next call that contradict the constants of this call."""
    tuner = function.autotuner
    with _tuning:
        before = tuner and tuner.early_config_prune
        try:
            return function.make_configs(backend_options, metaparams, named)
        finally:
            if tuner:
                tuner.early_config_prune = before


def _passed(lib, kept, args, buffers, paths, inputs):
    """The values of the compiled kernel's parameters."""
    parameters = iter(kept.parameters)
    passed = []

    def pointer(buffer):
        key, _, writes = next(parameters)
        if writes and buffer < inputs:
            raise ValueError(f"the kernel writes to `{key}`, but a JAX array cannot change: pass a Ref (jax.new_ref), or name it in input_output_aliases")
        passed.append(("buffer", buffer))

    for arg, buffer, path in zip(args, buffers, paths):
        if isinstance(arg, lib.TensorDescriptor):
            if arg.padding != "zero" or arg.round_f32_to_tf32 or arg.layout is not None:
                raise NotImplementedError("a descriptor passed to a launch can only be padded with zero, without layout or rounding: use tl.make_tensor_descriptor with padding_option='nan' in the kernel")
            pointer(buffer)
            for number in (*arg.shape, *arg.strides):
                _, type_name, _ = next(parameters)
                passed.append(("bits", _bits(number, type_name)))
        elif buffer is not None:
            pointer(buffer)
        elif not (arg == 1 and len(path) == 1):  # a constant, then
            _, type_name, _ = next(parameters)
            passed.append(("bits", _bits(arg, type_name)))
    if next(parameters, None) is not None:
        raise AssertionError("the kernel has more parameters than the call has arguments")
    return passed

# SPDX-License-Identifier: MIT
"""The rules of kernel[grid](...): which parameter gets which argument, the types of the kernel for them, and every message about a call.

The extension has a fast path for launches of kernels that it knows (launcher.cpp). For all else it calls the methods of Launcher; without the extension they
run every launch.
"""
import math
import struct
import sys
import warnings

from . import _core
from .language._values import constexpr

# Element types as signatures spell them: bits, and kind (i: signed, u: unsigned, b: boolean, f: float).
_TYPES = {"i1": (1, "b"), "i8": (8, "i"), "i16": (16, "i"), "i32": (32, "i"), "i64": (64, "i"), "u8": (8, "u"), "u16": (16, "u"), "u32": (32, "u"), "u64": (64, "u")}
_FLOATS = {"fp16", "bf16", "fp32", "fp64"}

# Launch options of Triton that have no effect here.
OPTIONS = {
    "num_warps", "num_stages", "num_ctas", "maxnreg", "enable_fp_fusion", "launch_cooperative_grid", "launch_pdl", "ir_override", "waves_per_eu", "warp_size", "ptx_version", "ptx_options",
    "enable_reflect_ftz", "sched4reg", "clc", "min_shared_mem", "allow_flush_denorm", "schedule_hint", "llvm_fn_attrs", "wgp_cu_mode", "num_buffers_warp_spec", "num_consumer_groups",
    "reg_dec_producer", "reg_inc_consumer", "sanitize_overflow", "arch", "matrix_instr_nonkdim", "kpack", "cluster_dims", "extern_libs", "allow_fp8e4nv", "max_num_imprecise_acc_default",
    "stream", "instrumentation_mode"
}
# Options that would change the meaning of a kernel.
_REFUSED = {
    "launch_cooperative_grid": "launch_cooperative_grid is not supported: on a CPU, programs cannot wait for each other",
    "ir_override": "ir_override is not supported: Nereid compiles kernels from their source only"
}

HARMLESS = frozenset(OPTIONS - set(_REFUSED) - {"num_warps"})


def harmless(name, value):
    """Whether a launch option has no effect; raises for those that would have one."""
    if name in _REFUSED and value:
        raise NotImplementedError(_REFUSED[name])
    if name == "num_warps" and isinstance(value, int) and (value < 1 or value & (value - 1)):
        raise ValueError(f"num_warps must be a power of 2 (got {value})")  # as in Triton, whose message this is
    return name in OPTIONS


class _Parameter:

    def __init__(self, name, is_constexpr, specializes, aligns, declared, default, has_default):
        self.name, self.is_constexpr, self.specializes, self.aligns = name, is_constexpr, specializes, aligns
        self.pointer = declared.startswith("*")
        self.declared = declared.lstrip("*k") if self.pointer else declared  # of a scalar, or of a pointer's elements
        self.default, self.has_default = default, has_default
        lower = name.lower()
        self.names_stride = "stride" in lower or "pitch" in lower or lower.startswith("ld")


class Array:
    """An array argument. Shape and strides count elements."""

    def __init__(self, about):
        self.base, self.bytes, self.type, self.read_only, self.contiguous, self.shape, self.strides, self.element = about
        self.gpu = None  # the device, of an array on a GPU
        self.owner, self.sized = getattr(about, "owner", None), getattr(about, "sized", True)
        # The base is the lowest address; with negative strides the first element is elsewhere.
        self.data = self.base - self.element * sum((n - 1) * s for n, s in zip(self.shape, self.strides) if s < 0) if self.bytes else self.base


class Call:
    """The arguments of one call."""

    def __init__(self):
        self.values = []  # one per parameter
        self.items = []  # of the signature
        self.constants = {}
        self.bits = []  # of the arguments that the compiled kernel takes
        self.arrays = {}  # by index in bits
        self.strided = []  # (parameter, array)
        self.integers = []  # (value, parameter): they may be strides
        self.debug = False
        self.gpu = None  # the device of the arrays

    def key(self):
        return tuple(self.items), self.debug, id(self.gpu)


class Launcher(_core.FastPath):

    def __init__(self):
        super().__init__()
        self._parameters = []
        self._variants = {}  # by types: [(constants, kernel)]
        self._watches = []
        self._warned = set()
        self.name = ""

    def add_parameter(self, name, is_constexpr, specializes, aligns, declared, default, has_default):
        super().add_parameter(name, is_constexpr, specializes, aligns, declared, default, has_default)
        self._parameters.append(_Parameter(name, is_constexpr, specializes, aligns, declared, default, has_default))

    # ---- what a launch needs

    def bind(self, *args, **kwargs):
        """{name: value} of the arguments."""
        return dict(zip((p.name for p in self._parameters), self._match(args, kwargs).values))

    def describe_call(self, *args, **kwargs):
        """Signature, constants, bits of the arguments, and whether to keep assertions."""
        call = self._call(args, kwargs)
        return call.items, call.constants, call.bits, call.debug

    def describe_arrays(self, *args, **kwargs):
        """For each of the bits of describe_call None, or the lowest address of an array, its bytes, bytes per element, shape, strides, and False."""
        call = self._call(args, kwargs)
        arrays = [call.arrays.get(k) for k in range(len(call.bits))]
        return [a and (a.base, a.bytes, a.element, a.shape, a.strides, False) for a in arrays]

    def check_call(self, *args, **kwargs):
        """Raises if the arguments cannot be passed, or if a launch does not pass the strides of an array that is not contiguous."""
        call = self._call(args, kwargs)
        self._check_strides(call)
        self._check_byte_strides(call)

    def kernel_for(self, *args, **kwargs):
        """The kernel for these arguments, compiled if need be."""
        call = self._call(args, kwargs)
        self.refresh()
        return self._find(call)

    def otherwise(self, *args, grid, warmup=False, **kwargs):
        """A launch that the fast path does not know: with arrays on a GPU, or with an error."""
        if self._call(args, kwargs).gpu is None:
            raise SystemError("nereid._launch accepts this call, but the extension does not")
        return self.launch(grid, args, kwargs)

    def launch(self, grid, args, kwargs):
        """The launch without a fast path."""
        call = self._call(args, kwargs)
        self._check_strides(call)
        self.refresh()
        kernel = self._find(call)
        self.check_watched()
        if callable(grid):
            grid = grid(dict(zip((p.name for p in self._parameters), call.values)))
        grid = grid_of(grid)
        writes = kernel.writes
        for at, array in call.arrays.items():
            if array.read_only and writes[at]:
                refuse_read_only(kernel.parameters[at])
        if 0 not in grid:
            kernel.run(grid, call.bits, call.arrays, self.threads)
        return kernel

    # ---- compiled kernels

    def forget(self):
        self._variants.clear()
        super().forget()

    @property
    def compiled(self):
        return sum(map(len, self._variants.values()))

    def watch(self, holder, name, value, redefinable):
        """`holder` is a dict, or the cell of a closure. If `redefinable`, the name may be bound to another object: then the kernel is compiled again."""
        self._watches.append((holder, name, value, redefinable))
        super().watch(holder, name, value, redefinable)

    def refresh(self):
        """Forgets what was compiled if a function that the kernel uses has been redefined."""
        for holder, name, value, redefinable in self._watches:
            if redefinable and _bound_now(holder, name) is not value:
                self._watches.clear()
                self.unwatch()
                self.forget()
                return self._redefined()

    def check_watched(self):
        for holder, name, value, redefinable in self._watches:
            now = _bound_now(holder, name)
            if not redefinable and now is not value and not (now is not None and same_constant(now, value)):
                raise RuntimeError(f"the global `{name}` has changed since {self._shown()} was compiled, from {value!r} to {now!r}: pass it as a tl.constexpr parameter instead")

    def _find(self, call):
        constants = list(call.constants.values())
        for known, kernel in list(self._variants.get(call.key(), ())):
            if len(known) == len(constants) and all(map(same_constant, known, constants)):
                return kernel
        self._check_byte_strides(call)
        kernel = self._compile_for_gpu(call) if call.gpu else self._compile(call.items, call.constants, call.debug)
        if len(kernel.writes) != len(call.bits):
            raise SystemError(f"the kernel was compiled for {len(kernel.writes)} arguments, but the launch has {len(call.bits)}")
        self._variants.setdefault(call.key(), []).append((constants, kernel))
        return kernel

    # ---- arguments

    def _shown(self):
        return f"kernel `{self.name}`" if self.name else "the kernel"

    def _match(self, args, kwargs):
        """Binds arguments to parameters by Python's rules."""
        call, parameters = Call(), self._parameters
        call.debug = self.debug
        if len(args) > len(parameters):
            raise TypeError(f"{self._shown()} takes {len(parameters)} arguments, but {len(args)} were given")
        values = {p.name: value for p, value in zip(parameters, args)}
        names = {p.name for p in parameters}
        for name, value in kwargs.items():
            if name in names:
                if name in values:
                    raise TypeError(f"{self._shown()} got argument `{name}` twice")
                values[name] = value
            elif name == "debug":
                call.debug = bool(value) or call.debug
            elif not harmless(name, value):
                raise TypeError(f"{self._shown()} has no parameter `{name}`, and there is no launch option of that name; its parameters are {', '.join(p.name for p in parameters)}")
        for p in parameters:
            if p.name in values:
                call.values.append(values[p.name])
            elif p.has_default:
                call.values.append(p.default)
            elif p.is_constexpr:
                raise TypeError(f"{self._shown()}: argument `{p.name}` is missing; it is a constexpr: pass it by name, such as {p.name}=128")
            else:
                raise TypeError(f"{self._shown()}: argument `{p.name}` is missing")
        return call

    def _call(self, args, kwargs):
        call = self._match(args, kwargs)
        for p, value in zip(self._parameters, call.values):
            if p.is_constexpr:
                call.items.append("")
                call.constants[p.name] = value
                continue
            where = []
            try:
                item = _item(call, p, value, where)
            except (TypeError, OverflowError) as e:
                index = "".join(f"[{i}]" for i in where)
                raise type(e)(f"`{p.name}{index}`: {e}") from None
            call.items.append(item)
            if item == "":
                call.constants[p.name] = value
        if any(a.gpu for a in call.arrays.values()):
            call.gpu = _one_device(self._shown(), call.arrays.values())
        return call

    # ---- strides

    def _known_integers(self, call):
        out = list(call.integers)
        for p, value in zip(self._parameters, call.values):
            if p.is_constexpr:
                _integers(value, p, out)
        return out

    def _check_strides(self, call):
        """A kernel that does not receive the strides of a non-contiguous array would read the wrong elements."""
        if not call.strided:
            return
        known = self._known_integers(call)

        def passed(value, as_stride):
            return sum(n == value and (not as_stride or p.names_stride) for n, p in known)

        for parameter, array in call.strided:
            name, shape, strides, size = parameter.name, array.shape, array.strides, array.element
            axes = [d for d, n in enumerate(shape) if n > 1]
            if not axes:
                continue
            # Strides in bytes, as in NumPy, passed one after the other. Constexprs and the sizes of the array do not count.
            in_bytes = [s * size for s in strides]
            if size > 1 and len(strides) > 1 and not all(b in shape for b in in_bytes) and _contains([n for n, _ in call.integers], in_bytes) and not _contains([n for n, _ in known], strides):
                raise ValueError(f"`{name}`: the launch passes its strides in bytes, but kernels count elements: divide them by {size}")
            # A kernel that only receives the stride of rows assumes that columns are contiguous.
            permuted = strides[axes[-1]] != 1 and any(strides[d] == 1 for d in axes)
            sure, unclear = not permuted or passed(1, True) > 0, axes[-1]
            for k, d in enumerate(axes):
                stride = strides[d]
                # If the array has no gaps, this stride follows from the next axis.
                if stride == 1 or passed(stride, True) or k + 1 < len(axes) and stride == shape[axes[k + 1]] * strides[axes[k + 1]]:
                    continue
                times = passed(stride, False)
                if times > (stride in shape):
                    sure, unclear = False, d
                    continue
                why = ""
                as_bytes = next((p for n, p in known if size > 1 and n == stride * size and p.names_stride), None)
                if times:
                    why = f" (the argument {stride} is the size of axis {list(shape).index(stride)})"
                elif as_bytes:
                    why = f" (`{as_bytes.name}` is {stride * size}, the stride in bytes)"
                raise ValueError(f"`{name}` is not contiguous, and no argument is its stride along axis {d}, which is {stride} elements{why}: pass the stride, or pass numpy.ascontiguousarray({name})")
            if sure or name in self._warned:
                continue
            self._warned.add(name)
            warnings.warn(
                f"`{name}` is not contiguous: its strides are ({', '.join(map(str, strides))}). No parameter with `stride` in its name gets the stride of axis {unclear} ({strides[unclear]}), "
                "so the kernel may read the wrong elements", UserWarning, stacklevel=_level_of_user())

    def _check_byte_strides(self, call):
        """For contiguous arrays, detects strides in bytes, as NumPy counts them: they would lead outside the array."""
        known = [(n, p) for n, p in self._known_integers(call) if p.names_stride]
        if not known:
            return
        arrays = []
        for p, value in zip(self._parameters, call.values):
            if not p.is_constexpr and (array := _array(value)):
                arrays.append((p, array))
        for parameter, array in arrays:
            if len(array.shape) < 2 or array.shape[0] == 1:
                continue
            stride = array.strides[0]
            in_bytes = stride * array.element
            if stride <= 1 or in_bytes == stride or any(in_bytes in other.strides for _, other in arrays) or any(n == stride for n, _ in known):
                continue
            for n, p in known:
                if n == in_bytes:
                    raise ValueError(f"`{p.name}`: {n} is a stride of `{parameter.name}` in bytes, but kernels count elements: pass {stride}")


def _item(call, p, value, where, part=False):
    """The item of an argument in the signature: its type, "1" or "None"; "" if it is a constant. Adds the argument to the call."""
    declared = "" if part or p.pointer else p.declared
    if isinstance(value, list):
        if part:
            raise TypeError("a tuple argument cannot contain a list: write it as a tuple, or pass an array")
        raise TypeError(f"cannot pass a list to a kernel: pass an array, such as numpy.array({p.name}, dtype=numpy.float32), or a tuple of numbers")
    if isinstance(value, tuple):
        out = "("
        for i, v in enumerate(value):
            where.append(i)
            out += (_item(call, p, v, where, True) or repr(v)) + ","
            where.pop()
        return out + ")"
    if isinstance(value, bool):
        if declared not in ("", "i1"):
            return _integer(call, p, int(value), declared)
        call.bits.append(int(value))
        return "i1"
    if isinstance(value, int):
        return _integer(call, p, value, declared)
    if isinstance(value, float):
        if declared and declared not in _FLOATS:
            raise TypeError(f"the parameter is declared as {declared}, but got the float {value!r}: pass int({p.name})")
        return _float(call, value, declared)
    if value is None:
        return "None"
    if array := _array(value):
        return _pointer(call, p, array, value)
    if _is_descriptor(value):
        return _descriptor(call, value)
    kind = type(value)
    if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"):
        return _item(call, p, bool(value), where, part)
    if hasattr(kind, "__index__"):
        return _integer(call, p, value.__index__(), declared)
    if hasattr(kind, "__float__"):
        return _float(call, float(value), declared)
    return ""  # functions, types and strings are constants, as in Triton


def _integer(call, p, n, declared):
    big = n >= 1 << 63
    if n < -(1 << 63) or n >= 1 << 64:
        raise OverflowError(f"{n} does not fit in 64 bits")
    if declared in _FLOATS:
        return _float(call, float(n), declared)
    bits = n & (1 << 64) - 1
    call.integers.append((n, p))
    if declared:
        width, kind = _TYPES[declared]
        if not (0 <= n < 1 << width if kind in "bu" else -(1 << width - 1) <= n < 1 << width - 1):
            raise OverflowError(f"{n} does not fit in {declared}, the declared type of the parameter")
    if n == 1 and p.specializes and not declared:
        return "1"
    call.bits.append(bits)
    aligned = bits % 16 == 0 and p.specializes and p.aligns and declared != "i1"
    return (declared or ("u64" if big else "i32" if -(1 << 31) <= n < 1 << 31 else "i64")) + (":16" if aligned else "")


def _float(call, value, declared):
    kind = declared if declared in _FLOATS else "fp32"
    call.bits.append(encode(value, kind))
    return kind


def _pointer(call, p, array, value):
    call.arrays[len(call.bits)] = array
    array.object = value
    call.bits.append(array.data)
    if not array.contiguous:
        call.strided.append((p, array))
    return "*" + (p.declared if p.pointer and p.declared else array.type) + (":16" if p.aligns and p.specializes and array.data % 16 == 0 else "")


def _descriptor(call, value):
    array = _array(value.base)
    if not array:
        raise TypeError("the base of a TensorDescriptor must be an array")
    array.object = value.base
    lists = [[n.__index__() for n in numbers] for numbers in (value.shape, value.strides, value.block_shape)]
    if not len(lists[0]) == len(lists[1]) == len(lists[2]):
        raise TypeError("the shape, strides and block_shape of a TensorDescriptor must have the same length")
    call.arrays[len(call.bits)] = array
    call.bits.append(array.data)
    call.bits += [n & (1 << 64) - 1 for n in lists[0] + lists[1]]
    return f"tensordesc<{array.type}[{','.join(map(str, lists[2]))}]>"


def _is_descriptor(value):
    module = sys.modules.get("nereid.tools.tensor_descriptor")
    return module is not None and isinstance(value, module.TensorDescriptor)


def described(value):
    """As _core.array, also for arrays on a GPU."""
    if hasattr(type(value), "__nereid_gpu__"):
        return value.described()
    return _core.array(value)


def _array(value):
    about = described(value)
    if not about:
        return None
    out = Array(about)
    if hasattr(type(value), "__nereid_gpu__"):
        out.gpu = value.device
    return out


def _one_device(shown, arrays):
    devices = {id(a.gpu): a.gpu for a in arrays}
    if len(devices) > 1:
        raise TypeError(f"{shown} got arrays in different memories: copy them to one GPU with nereid.gpu.array, or to NumPy with x.numpy()")
    return next(iter(devices.values()))


def encode(value, kind):
    """The bits of a float in one of the types."""
    if kind == "fp64":
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    try:
        if kind == "fp16":
            return struct.unpack("<H", struct.pack("<e", value))[0]
        word = struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        return encode(math.copysign(math.inf, value), kind)
    if kind == "fp32":
        return word
    return word >> 16 | 0x40 if math.isnan(value) else word + 0x7FFF + (word >> 16 & 1) >> 16


def _integers(value, parameter, out):
    """The integers in a constexpr: itself, or the items of a tuple."""
    if isinstance(value, constexpr):
        _integers(value.value, parameter, out)
    elif isinstance(value, (tuple, list)):
        for v in value:
            _integers(v, parameter, out)
    elif isinstance(value, int) and not isinstance(value, bool):
        out.append((value, parameter))


def _contains(numbers, wanted):
    """Whether `wanted` are consecutive numbers of a list."""
    wanted = list(wanted)
    return any(numbers[k:k + len(wanted)] == wanted for k in range(len(numbers) - len(wanted) + 1))


def same_constant(a, b):
    """Whether a kernel compiled for `a` is valid for `b`. 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) is float:
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_constant, a, b))
    if isinstance(a, constexpr):
        return same_constant(a.value, b.value)
    try:
        return bool(a == b)
    except Exception:
        return False


def _bound_now(holder, name):
    """The current binding of a name, or None."""
    if isinstance(holder, dict):
        return holder.get(name)
    try:
        return holder.cell_contents
    except ValueError:
        return None


def grid_of(grid):
    """A grid as three integers."""
    axes = grid if isinstance(grid, (tuple, list)) else (grid, )
    if not 1 <= len(axes) <= 3:
        raise ValueError(f"the grid must have one to three axes, but got {grid!r}")
    out = []
    for axis in axes:
        try:
            n = axis.__index__()
        except (AttributeError, TypeError):
            how = ": divide with nereid.cdiv(n, BLOCK), which is triton.cdiv, instead of n / BLOCK" if isinstance(axis, float) else ""
            raise TypeError(f"the grid must be an integer or a tuple of up to three integers, but got {grid!r}{how}") from None
        if not 0 <= n < 1 << 32:
            raise ValueError(f"each axis of the grid must be from 0 to {(1 << 32) - 1}, but the grid is {grid!r}")
        out.append(n)
    return tuple(out + [1] * (3 - len(out)))


def refuse_read_only(name):
    raise ValueError(f"`{name}` is read-only, but the kernel writes to it: pass a writable copy, such as numpy.array({name})")


def _level_of_user():
    """The stack level, for warnings.warn, of the first frame outside of this package."""
    package = __name__.rpartition(".")[0] + "."
    frame, level = sys._getframe(1), 1
    while frame.f_back and (frame.f_globals.get("__name__") or "").startswith(package):
        frame, level = frame.f_back, level + 1
    return level

# SPDX-License-Identifier: MIT
"""Kernels on GPUs, through the package wgpu (Metal, Vulkan, Direct3D 12).

    x = nereid.gpu.array(numpy_array)
    y = nereid.gpu.empty(n, "float32")
    kernel[grid](x, y, n, BLOCK=256)   # returns at once
    y.numpy()                          # waits

Launches are collected in a command buffer, which is submitted when an array is read or after 256 launches. docs/reference/webgpu.md is the contract between
the compiler and this runtime.
"""
import atexit
import functools
import itertools
import json
import math
import re
import shutil
import struct
import tempfile
import weakref
from pathlib import Path

from . import _cache, _core, _launch
from ._wasm.arrays import TYPES
from ._wasm.printing import printed
from .errors import LaunchError
from .jit import JITFunction, _launch_compiled

_MOST = 256  # launches of a command buffer
_SLOT = 256  # alignment of parameters, and of arrays in their buffers
_BLOCKS = 65536  # bytes of the parameters of a command buffer
_SCRATCH = 1 << 26  # bytes of scratch memory for a launch, unless a few workgroups need more
_FEATURES = ("shader-f16", "subgroup", "timestamp-query")
_LIMITS = ("max-buffer-size", "max-storage-buffer-binding-size", "max-storage-buffers-per-shader-stage", "max-compute-workgroup-storage-size", "max-compute-invocations-per-workgroup",
           "max-compute-workgroup-size-x", "max-compute-workgroup-size-y", "max-compute-workgroup-size-z")

_buffers = weakref.WeakValueDictionary()  # by the address that stands for one
_addresses = itertools.count(1 << 50, 1 << 40)


def _wgpu():
    try:
        import wgpu
    except ImportError as e:
        raise ImportError('GPUs need the package wgpu: pip install "nereid-lang[gpu]"') from e
    return wgpu


def adapters():
    """The GPUs of this machine, as texts; their positions are the numbers that `device` takes. Emulated ones are the last."""
    return [f"{a.info['device']} ({a.info['backend_type']}, {a.info['adapter_type']})" for a in _adapters()]


def _adapters():
    found = [a for a in _wgpu().gpu.enumerate_adapters_sync() if a.info["backend_type"] != "OpenGL"]
    order = {"DiscreteGPU": 0, "IntegratedGPU": 1}
    return sorted(found, key=lambda a: order.get(a.info["adapter_type"], 2))


_devices = {}


def device(number=0):
    """A GPU, opened at first use."""
    if isinstance(number, Device):
        return number
    if number not in _devices:
        all_of_them = _adapters()
        if not 0 <= number < len(all_of_them):
            raise RuntimeError("no GPU was found: wgpu needs a driver for Metal, Vulkan or Direct3D 12" if not all_of_them else f"there is no GPU {number}: there are {len(all_of_them)}")
        _devices[number] = Device(all_of_them[number])
    return _devices[number]


class _Buffer:
    """Memory of a GPU, and the address by which launches refer to it."""

    def __init__(self, device, size):
        usage = _wgpu().BufferUsage
        self.device, self.size = device, -(-max(size, 16) // 16) * 16
        if self.size > device.limits["max-storage-buffer-binding-size"]:
            raise MemoryError(f"an array of {size} bytes does not fit: this GPU binds at most {device.limits['max-storage-buffer-binding-size']} bytes")
        self.gpu = device.gpu.create_buffer(size=self.size, usage=usage.STORAGE | usage.COPY_SRC | usage.COPY_DST)
        self.address = next(_addresses)
        _buffers[self.address] = self
        self.home, self.start = self, 0  # the buffer that contains it, if it was moved into another one


class Array:
    """An array on a GPU, contiguous. `dtype` is a name as in "float32"."""
    __nereid_gpu__ = True
    is_cpu = False  # as torch's tensors

    def __init__(self, buffer, offset, shape, kind):
        self._buffer, self._offset, self.shape, self._kind = buffer, offset, tuple(shape), kind

    device = property(lambda self: self._buffer.device)
    dtype = property(lambda self: next(name for name, (spelled, _) in TYPES.items() if spelled == self._kind))
    size = property(lambda self: math.prod(self.shape))
    itemsize = property(lambda self: next(size for spelled, size in TYPES.values() if spelled == self._kind))
    nbytes = property(lambda self: self.size * self.itemsize)

    def described(self):
        """As _core.array describes other arrays."""
        strides = [math.prod(self.shape[d + 1:]) for d in range(len(self.shape))]
        return self.data_ptr(), self.nbytes, self._kind, False, True, list(self.shape), strides, self.itemsize

    def data_ptr(self):
        """A number that stands for the place of the array; not an address in memory."""
        return self._buffer.address + self._offset

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"nereid.gpu.Array({self.shape}, {self.dtype}, on {self.device.name})"

    def __getitem__(self, index):
        """A part along the first axis, in the same memory."""
        if isinstance(index, int):
            index = index + len(self) if index < 0 else index
            if not 0 <= index < len(self):
                raise IndexError(f"index {index} is outside of the shape {self.shape}")
            return Array(self._buffer, self._offset + index * self.nbytes // len(self), self.shape[1:], self._kind)
        if not isinstance(index, slice) or index.step not in (None, 1):
            raise TypeError("arrays on a GPU take an index or a slice without a step, along the first axis: use a.numpy() for others")
        begin, end, _ = index.indices(len(self))
        return Array(self._buffer, self._offset + begin * (self.nbytes // len(self)), (max(end - begin, 0), *self.shape[1:]), self._kind)

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if math.prod(shape) != self.size:
            raise ValueError(f"cannot reshape {self.shape} to {tuple(shape)}")
        return Array(self._buffer, self._offset, shape, self._kind)

    def numpy(self):
        """A copy in NumPy's memory. Waits for the launches before. bfloat16 needs the package ml_dtypes."""
        import numpy
        data = self.device.read(self._buffer, self._offset, self.nbytes)
        return numpy.frombuffer(data, _numpy_type(self.dtype)).reshape(self.shape).copy()

    def __array__(self, dtype=None, copy=None):
        out = self.numpy()
        return out if dtype is None else out.astype(dtype)

    def write(self, values):
        """Copies values of the same shape into the array."""
        import numpy
        values = numpy.ascontiguousarray(values, _numpy_type(self.dtype))
        if values.shape != self.shape:
            raise ValueError(f"the array has the shape {self.shape}, but the values have {values.shape}")
        self.device.write(self._buffer, self._offset, values.tobytes())

    def copy(self):
        out = empty(self.shape, self.dtype, self.device)
        self.device.copy(self._buffer, self._offset, out._buffer, 0, self.nbytes)
        return out

    clone = copy


def _numpy_type(name):
    import numpy
    if name.startswith(("bfloat", "float8")):
        import ml_dtypes
        return numpy.dtype(getattr(ml_dtypes, name))
    return numpy.dtype(name)


def array(values, device=0):
    """A copy of an array on a GPU: of NumPy, or of any library that NumPy reads, also by DLPack from CPU memory."""
    import numpy
    if isinstance(values, Array):
        return values.copy() if values.device is globals()["device"](device) else array(values.numpy(), device)
    values = numpy.ascontiguousarray(numpy.from_dlpack(values) if hasattr(values, "__dlpack__") and not isinstance(values, numpy.ndarray) else values)
    out = empty(values.shape, values.dtype.name, device)
    out.device.write(out._buffer, 0, values.tobytes())
    return out


def empty(shape, dtype="float32", device=0):
    """A new array of zeros: WebGPU clears memory."""
    shape = (shape, ) if isinstance(shape, int) else tuple(shape)
    name = str(getattr(dtype, "name", None) or dtype).rpartition(".")[2]
    if name not in TYPES:
        raise TypeError(f"Triton has no type for the dtype {dtype}")
    kind, size = TYPES[name]
    return Array(_Buffer(globals()["device"](device), size * math.prod(shape)), 0, shape, kind)


zeros = empty


def synchronize():
    """Waits for all launches on all GPUs."""
    for d in list(_devices.values()):
        d.synchronize()


class Device:
    """A GPU."""

    def __init__(self, adapter):
        wanted = [f for f in _FEATURES if f in adapter.features]
        self.gpu = adapter.request_device_sync(required_features=wanted, required_limits={name: adapter.limits[name] for name in _LIMITS})
        self.name = adapter.info["device"]
        self.limits = dict(self.gpu.limits)
        self.features = {f for f in wanted if f in ("shader-f16", "timestamp-query")}
        if "shader-f16" in self.features and not self._halves():
            self.features.discard("shader-f16")
        info = adapter.info
        sized = info.get("subgroup_min_size", info.get("stackgroup_min_size")) == info.get("subgroup_max_size", info.get("stackgroup_max_size")) == 32
        if "subgroup" in wanted and sized and self._subgroups_in_order():
            self.features.add("subgroups-32")
        if self._specials():
            self.features.add("ieee-specials")
        usage = _wgpu().BufferUsage
        self._blocks = self.gpu.create_buffer(size=_BLOCKS, usage=usage.UNIFORM | usage.COPY_DST)
        self._parameters, self._encoder, self._pass, self._count, self._held = bytearray(), None, None, 0, []
        self._pipelines, self._groups, self._scratch = {}, {}, None
        atexit.register(self._drop)

    def _drop(self):
        self._encoder = self._pass = None

    def compiled(self, request):
        """The kernel of a request (JITFunction._request) for this GPU."""
        return _compiled(request, self)

    # ---- command buffers

    def flush(self):
        """Submits what was launched."""
        if self._encoder is None:
            return
        if self._pass is not None:
            self._pass.end()
        encoder, self._encoder, self._pass, self._count = self._encoder, None, None, 0
        if self._parameters:
            self.gpu.queue.write_buffer(self._blocks, 0, bytes(self._parameters))
            self._parameters = bytearray()
        self.gpu.queue.submit([encoder.finish()])
        self._held.clear()

    def _commands(self):
        if self._encoder is None:
            self._encoder = self.gpu.create_command_encoder()
        return self._encoder

    def write(self, buffer, offset, data):
        self.flush()
        buffer, offset = buffer.home, buffer.start + offset
        if offset % 4 or len(data) % 4:  # whole words
            begin, end = offset & ~3, offset + len(data) + 3 & ~3
            old = bytearray(self.gpu.queue.read_buffer(buffer.gpu, begin, end - begin))
            old[offset - begin:offset - begin + len(data)] = data
            offset, data = begin, bytes(old)
        if data:
            self.gpu.queue.write_buffer(buffer.gpu, offset, data)

    def read(self, buffer, offset, size):
        self.flush()
        buffer, offset = buffer.home, buffer.start + offset
        begin, end = offset & ~3, offset + size + 3 & ~3
        return bytes(self.gpu.queue.read_buffer(buffer.gpu, begin, end - begin))[offset - begin:offset - begin + size] if size else b""

    def copy(self, source, at, target, to, size):
        source, at, target, to = source.home, source.start + at, target.home, target.start + to
        if at % 4 or to % 4 or size % 4:
            return self.write(target, to, self.read(source, at, size))
        if self._pass is not None:
            self._pass.end()
            self._pass = None
        self._commands().copy_buffer_to_buffer(source.gpu, at, target.gpu, to, size)

    def synchronize(self):
        self.flush()
        self.gpu.queue.read_buffer(self._blocks_probe(), 0, 4)

    def _blocks_probe(self):
        if not hasattr(self, "_probe"):
            usage = _wgpu().BufferUsage
            self._probe = self.gpu.create_buffer(size=16, usage=usage.STORAGE | usage.COPY_SRC)
        return self._probe

    def dispatch(self, pipeline, group, block, workgroups, clock=None):
        """Adds a launch to the command buffer. `clock`: (query set, first query)."""
        if self._count >= _MOST or len(self._parameters) + len(block) + _SLOT > _BLOCKS:
            self.flush()
        at = len(self._parameters)
        self._parameters += block + bytes(-len(block) % _SLOT)
        encoder = self._commands()
        if clock:
            if self._pass is not None:
                self._pass.end()
                self._pass = None
            queries, first = clock
            work = encoder.begin_compute_pass(timestamp_writes={"query_set": queries, "beginning_of_pass_write_index": first, "end_of_pass_write_index": first + 1})
        else:
            work = self._pass = self._pass or encoder.begin_compute_pass()
        work.set_pipeline(pipeline)
        work.set_bind_group(0, group, [at])
        work.dispatch_workgroups(workgroups)
        if clock:
            work.end()
        self._count += 1
        self._held.append(group)

    def merge(self, buffers):
        """Moves buffers into one, permanently: a kernel can have more arrays than a GPU has bindings."""
        merged = _Buffer(self, sum(b.size + _SLOT for b in buffers))
        at = 0
        for b in buffers:
            self.copy(b, 0, merged, at, b.size)
            moved = [b] + [other for other in _buffers.values() if other.home is b and other is not b]
            for other in moved:
                other.home, other.start = merged, other.start + at
            at += -(-b.size // _SLOT) * _SLOT
        self.flush()
        for b in buffers:
            b.gpu = None

    def scratch(self, size):
        if self._scratch is None or self._scratch.size < size:
            self._scratch = _Buffer(self, size)
        return self._scratch

    # ---- shaders

    def pipeline(self, text, block, bindings, label):
        key = text, block, bindings
        found = self._pipelines.get(key)
        if found is None:
            wgpu = _wgpu()
            entries = [{"binding": 0, "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": "uniform", "has_dynamic_offset": True, "min_binding_size": block}}]
            entries += [{"binding": b, "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": "storage"}} for b in bindings]
            layout = self.gpu.create_bind_group_layout(entries=entries)
            try:
                module = self.gpu.create_shader_module(code=for_naga(text), label=label)
                constants = {"ieee": 1} if "override ieee" in text and "ieee-specials" in self.features else {}
                made = self.gpu.create_compute_pipeline(layout=self.gpu.create_pipeline_layout(bind_group_layouts=[layout]), compute={"module": module, "entry_point": "main", "constants": constants})
            except wgpu.GPUError as e:
                raise RuntimeError(f"{label}: {self.name} rejects the shader: {e}") from e
            found = self._pipelines[key] = layout, made
        return found

    def group(self, layout, block, buffers):
        key = id(layout), block, tuple((b, buffer.address) for b, buffer in buffers)
        found = self._groups.get(key)
        if found is None or any(a() is None for a in found[1]):
            entries = [{"binding": 0, "resource": {"buffer": self._blocks, "offset": 0, "size": block}}]
            entries += [{"binding": b, "resource": {"buffer": buffer.gpu, "offset": 0, "size": buffer.size}} for b, buffer in buffers]
            if len(self._groups) > 512:
                self._groups.clear()
            found = self._groups[key] = self.gpu.create_bind_group(layout=layout, entries=entries), [weakref.ref(buffer) for _, buffer in buffers]
        return found[0]

    def _look(self, code, words):
        """Runs a shader with one workgroup on these words; None if it cannot run."""
        usage = _wgpu().BufferUsage
        data = struct.pack(f"<{len(words)}I", *words)
        try:
            buffer = self.gpu.create_buffer_with_data(data=data, usage=usage.STORAGE | usage.COPY_SRC)
            pipeline = self.gpu.create_compute_pipeline(layout="auto", compute={"module": self.gpu.create_shader_module(code=code), "entry_point": "main"})
            group = self.gpu.create_bind_group(layout=pipeline.get_bind_group_layout(0), entries=[{"binding": 0, "resource": {"buffer": buffer, "offset": 0, "size": len(data)}}])
            encoder = self.gpu.create_command_encoder()
            work = encoder.begin_compute_pass()
            work.set_pipeline(pipeline)
            work.set_bind_group(0, group)
            work.dispatch_workgroups(1)
            work.end()
            self.gpu.queue.submit([encoder.finish()])
            return struct.unpack(f"<{len(words)}I", self.gpu.queue.read_buffer(buffer))
        except _wgpu().GPUError:
            return None

    def _halves(self):
        """Whether the forms of f16 that kernels have are accepted, and exact."""
        code = """enable f16;
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(1) fn main() { let v = x[0]; x[1] = bitcast<u32>(vec2<f16>(vec2f(bitcast<vec2<f16>>(v)) * 2.0f)); }"""
        return self._look(for_naga(code), [0x40003C00, 0]) == (0x40003C00, 0x44004000)

    def _subgroups_in_order(self):
        """Whether subgroups consist of 32 consecutive threads of the workgroup, which WGSL does not guarantee."""
        found = self._look(
            """@group(0) @binding(0) var<storage, read_write> good: array<atomic<u32>>;
@compute @workgroup_size(256) fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_invocation_id) k: u32, @builtin(subgroup_size) n: u32) {
  let first = subgroupBroadcastFirst(i);
  if (n == 32u && k == i % 32u && first + k == i) { atomicAdd(&good[0], 1u); }
}""", [0])
        return found is not None and found[0] == 256

    def _specials(self):
        """Whether min, max, comparisons and exp2 of NaN and infinities, and all f16 as f32, follow IEEE 754, and powers of two are exact to 3 ulp, which WGSL does
        not guarantee. The same test as in web/src/webgpu.ts."""
        words = [0x7fc00000, 0x7fc00000, 0x3f800000, 0x7f800000, 0xff800000, 0x43480000, 0xc3480000, 0xffc00001]
        got = self._look(_SPECIALS, words + [0] * (25 + 512 + 64))
        if got is None or got[32]:
            return False
        single = lambda bits: struct.unpack("<f", struct.pack("<I", bits))[0]
        rounded = lambda x: struct.unpack("<f", struct.pack("<f", x))[0] if abs(x) < 3.5e38 or x - x != 0 else math.copysign(math.inf, x)
        for k in range(512):
            wanted = 2.0**rounded((k - 256) * rounded(0.4921))
            if not abs(single(got[33 + k]) / wanted - 1) < 2**-21.5:
                return False
        numbers = [single(w) for w in words]
        for i, x in enumerate(numbers):
            for j, y in enumerate(numbers):
                if got[545 + 8 * i + j] != sum(1 << k for k, holds in enumerate((x < y, x > y, x <= y, x >= y, x == y, not x == y)) if holds):
                    return False
            y = numbers[(i + 1) % 8]
            pick = lambda of: y if x != x else x if y != y else of(x, y)
            power = 0.0 if x == -200 else math.inf if x >= 128 else 0.0 if x < -160 else 2.0**x if x == x else x
            for k, wanted in enumerate((pick(min), pick(max), power)):
                found = single(got[8 + 3 * i + k])
                if not (found == wanted or found != found and wanted != wanted):
                    return False
        return True


_SPECIALS = """@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
  let a = bitcast<f32>(x[i]); let b = bitcast<f32>(x[(i + 1u) % 8u]);
  x[8u + 3u * i] = bitcast<u32>(min(a, b)); x[9u + 3u * i] = bitcast<u32>(max(a, b)); x[10u + 3u * i] = bitcast<u32>(exp2(a));
  for (var h = i; h < 65536u; h += 8u) {
    let m = h & 0x7fffu; let found = bitcast<u32>(unpack2x16float(h).x);
    let value = select((m << 13u) + select(0x38000000u, 0x70000000u, m >= 0x7c00u), bitcast<u32>(f32(m) * 0x1p-24f), m < 0x400u) | ((h & 0x8000u) << 16u);
    if (select(found != value, (found & 0x7fffffffu) <= 0x7f800000u, m > 0x7c00u)) { x[32] = 1u; }
  }
  for (var k = i; k < 512u; k += 8u) { x[33u + k] = bitcast<u32>(exp2((f32(k) - 256.0f) * 0.4921f)); }
  for (var j = 0u; j < 8u; j += 1u) {
    let c = bitcast<f32>(x[j]);
    x[545u + 8u * i + j] = dot(vec4u(1u, 2u, 4u, 8u), select(vec4u(0u), vec4u(1u), vec4<bool>((a < c), (a > c), (a <= c), (a >= c)))) + select(0u, 16u, a == c) + select(0u, 32u, !(a == c));
  }
}"""


def for_naga(text):
    """A shader in the form that naga, the compiler of wgpu, accepts: it has subgroups without the directive, knows no rule for them, and converts no vec2<f16> to its bits."""
    text = re.sub(r"^(enable subgroups|diagnostic\(off, subgroup_uniformity\));$", "", text, flags=re.M)
    text = re.sub(r"bitcast<vec2<f16>>\((\w+)\)", r"vec2<f16>(unpack2x16float(\1))", text)
    start = "bitcast<u32>(vec2<f16>("
    while (at := text.find(start)) >= 0:
        depth, end = 1, at + len("bitcast<u32>(")
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = f"{text[:at]}pack2x16float(vec2<f32>({text[at + len('bitcast<u32>('):end - 1]})){text[end:]}"
    return text


_DECLARATION = re.compile(r"^@group\(0\) @binding\(\d+\) var<storage, read_write> (\w+): array<(u32|vec[24]u|atomic<u32>)>;$")


def share_bindings(text, names, shares):
    """The text of a shader in which array i is in the binding of array shares[i]: WebGPU forbids two writable bindings of one buffer. As
    web/src/webgpu-bindings.ts; docs/reference/webgpu.md has the form of the lines."""
    if all(first == i for i, first in enumerate(shares)):
        return text
    lines = text.split("\n")
    kinds = {m[1]: (m[2], at) for at, line in enumerate(lines) if (m := _DECLARATION.match(line))}
    for first in sorted(set(shares)):
        members = [i for i, f in enumerate(shares) if f == first]
        if len(members) < 2:
            continue
        own = [kinds[names[i]][0] for i in members]
        kind = "atomic<u32>" if "atomic<u32>" in own else own[0] if len(set(own)) == 1 else "u32"
        for i in members:
            name = names[i]
            before, line = kinds[name]
            lines[line] = re.sub(r"array<.*>;$", f"array<{kind}>;", lines[line]) if i == first else ""
            accessor = re.compile(rf"^(fn {name}_(\w+)\(.*?\{{ )(.*)( \}})$")
            others = [o for o in names if o != name and o.startswith(name + "_")]
            for at, content in enumerate(lines):
                found = accessor.match(content)
                if at == line or not found or any(f"{name}_{found[2]}".startswith(o + "_") for o in others):
                    continue
                body = re.sub(rf"\b{name}\b", names[first], found[3]) if before == kind else _body_of(found[2], names[first], kind == "atomic<u32>")
                lines[at] = found[1] + body + found[4]
    return "\n".join(lines)


def _body_of(what, array, atomic):
    action, count = re.match(r"^(get|put)([24]?)$", what).groups()
    at = lambda k: f"{array}[i{f' + {k}u' if k else ''}]"
    get = lambda k: f"atomicLoad(&{at(k)})" if atomic else at(k)
    put = lambda k, v: f"atomicStore(&{at(k)}, {v});" if atomic else f"{at(k)} = {v};"
    parts = "xyzw"[:int(count or 0)]
    if action == "get":
        return f"return {f'vec{count}u({chr(44).join(get(k) for k in range(len(parts)))})' if count else get(0)};"
    return " ".join(put(k, f"v.{p}") for k, p in enumerate(parts)) if count else put(0, "v")


class GpuKernel:
    """A kernel compiled for one GPU."""

    def __init__(self, device, entry, texts):
        self.device, self._entry = device, entry
        self.about = json.dumps(entry["kernel"])
        self.parameters = [p["name"] for p in entry["kernel"]["parameters"]]
        self._types = [p["type"] for p in entry["kernel"]["parameters"]]
        about = entry["webgpu"]
        self._sites = about["sites"]
        self._shaders = [(v, texts[v["file"]]) for v in self._chosen(about["variants"])]
        self.writes = [any(a["parameter"] == k and a["writes"] for a in about["variants"][0]["arrays"]) for k in range(len(self.parameters))]
        self._divisors = about.get("divisors", [])
        self._report = None
        self._variants = {}

    def __getitem__(self, grid):
        return _launch_compiled(self, grid)

    def _chosen(self, variants):
        """The best shader, and for launches with overlapping arrays the best that allows those."""
        out, missing = [], ""
        limit = lambda name: self.device.limits.get(re.sub(r"[A-Z]", lambda m: "-" + m[0].lower(), name), 0)
        for v in variants:
            lack = [f for f in v["features"] if f not in self.device.features] + [f"{n} {least}" for n, least in v["limits"].items() if limit(n) < least]
            if lack:
                missing = ", ".join(lack)
            elif not out or v.get("aliases") is not False:
                out.append(v)
                if v.get("aliases") is not False:
                    return out
        raise RuntimeError(f"kernel {self._entry['kernel']['name']} needs features or limits that {self.device.name} lacks: {missing}")

    def run(self, grid, bits, arrays, threads=0):
        self._start(grid, bits)

    def launch(self, grid, args, check_bounds=False, check_races=False, threads=0, runs=0, print=None, shapes=(), unwritten=None):
        """Launches; with `runs` it also returns so many times in µs, by the clock of the GPU."""
        grid = _launch.grid_of(grid)
        bits = [value for value, _ in args]
        self._start(grid, bits, print)
        if not runs:
            return []
        if "timestamp-query" not in self.device.features:
            raise RuntimeError(f"{self.device.name} has no clock (timestamp-query)")
        times, d, usage = [], self.device, _wgpu().BufferUsage
        for begin in range(0, runs + 3, 64):
            count = min(64, runs + 3 - begin)
            queries = d.gpu.create_query_set(type="timestamp", count=2 * count)
            resolved = d.gpu.create_buffer(size=16 * count, usage=usage.QUERY_RESOLVE | usage.COPY_SRC)
            d.flush()
            for k in range(count):
                self._start(grid, bits, print, (queries, 2 * k))
            d._commands().resolve_query_set(queries, 0, 2 * count, resolved, 0)
            d.flush()
            ticks = struct.unpack(f"<{2 * count}Q", d.gpu.queue.read_buffer(resolved))
            period = getattr(d.gpu.queue, "get_timestamp_period", lambda: 1.0)()
            times += [(b - a) * period / 1e3 for a, b in zip(ticks[::2], ticks[1::2])]
        return times[3:]

    def _start(self, grid, bits, print=None, clock=None):
        device, name = self.device, self._entry["kernel"]["name"]
        if len(bits) != len(self.parameters):
            raise ValueError(f"kernel {name} takes {len(self.parameters)} arguments, but got {len(bits)}")
        programs = math.prod(grid)
        if not programs:
            return
        if programs >= 1 << 32:
            raise ValueError(f"the grid {grid} has 2^32 programs or more")
        places = {}
        for k, value in enumerate(bits):
            if self._types[k].startswith("*"):
                base = (value - (1 << 50)) // (1 << 40) * (1 << 40) + (1 << 50)
                buffer = _buffers.get(base)
                if buffer is None or buffer.device is not device:
                    raise TypeError(f"`{self.parameters[k]}` is not an array on {device.name}: copy it there with nereid.gpu.array")
                places[k] = buffer, value - base
        for k, divisor in enumerate(self._divisors):
            if k in places and places[k][1] % divisor:
                raise ValueError(f"`{self.parameters[k]}` must start at a multiple of {divisor} bytes")
        shader, text = self._shaders[0]
        used = [places[a["parameter"]][0].home for a in shader["arrays"]]
        room = device.limits["max-storage-buffers-per-shader-stage"] - bool(shader["report"]) - bool(shader["scratch"])
        separate = list({id(b): b for b in used}.values())
        if len(separate) > room:
            device.merge(sorted(separate, key=lambda b: b.size)[:len(separate) - room + 1])
            used = [places[a["parameter"]][0].home for a in shader["arrays"]]
        written = [a["writes"] for a in shader["arrays"]]
        overlap = any(used[i] is used[j] and (written[i] or written[j]) for i in range(len(used)) for j in range(i))
        if overlap and shader.get("aliases") is False:
            shader, text = self._shaders[1]
            used = [places[a["parameter"]][0].home for a in shader["arrays"]]
        shares = tuple(next(j for j, other in enumerate(used) if other is buffer) for buffer in used)
        block = (4 + 2 * len(bits)) * 4 + 15 & ~15
        words = struct.pack("<IIII", *grid, 0)
        numbers = {}
        for k, value in enumerate(bits):
            if k in places:
                buffer, offset = places[k]
                words += struct.pack("<II", buffer.start + offset, numbers.setdefault(id(buffer.home), len(numbers)))
            else:
                words += struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF)
        bound = [(k + 1, buffer) for k, buffer in enumerate(used) if shares[k] == k]
        own = len(used)
        if shader["report"]:
            own += 1
            self._report = self._report or _Buffer(device, 1 << (18 if any(s["kind"] == "print" for s in self._sites) else 16))
            device.write(self._report, 0, b"\0" * 4 + b"\xff" * (self._report.size - 4))
            bound.append((own, self._report))
        workgroups = min(-(-programs // shader.get("programs", 1)), 65535)
        if shader["scratch"]:
            own += 1
            each = shader["scratch"]
            workgroups = min(workgroups, max(max(_SCRATCH, 64 * each) // each, 1))
            bound.append((own, device.scratch(each * workgroups)))
        key = shader["file"], shares
        made = self._variants.get(key)
        if made is None:
            shared = share_bindings(text, [a["name"] for a in shader["arrays"]], shares)
            made = self._variants[key] = device.pipeline(shared, block, tuple(b for b, _ in bound), f"kernel {name}, {shader['file']}")
        layout, pipeline = made
        device.dispatch(pipeline, device.group(layout, block, bound), words + bytes(block - len(words)), workgroups, clock)
        if shader["report"]:
            self._look_at_report(grid, print)

    def _look_at_report(self, grid, print=None):
        """Prints what the kernel printed; raises for a failed assertion."""
        data = self.device.read(self._report, 0, self._report.size)
        words = struct.unpack(f"<{len(data) // 4}I", data)
        end, at, records = min(len(words), 1 + words[0]), 1, []
        while at < end:
            site = self._sites[words[at]] if words[at] < len(self._sites) else None
            if site is None:
                break
            length = 4 + (2 + bool(site["shape"]) if site["kind"] == "print" and site.get("value") else 0)
            if at + length > len(words):
                break
            records.append((words[at + 1], words[at + 2], words[at + 3], at, site))
            at += length
        for program, _, _, at, site in sorted(records, key=lambda r: r[:3]):
            where = program % grid[0], program // grid[0] % grid[1], program // grid[0] // grid[1]
            if site["kind"] == "assert":
                place = f"{site['file']}:{site['line']}: " if site.get("file") else ""
                raise LaunchError(f"{place}assertion failed in program ({', '.join(map(str, where))}): {site['text']}")
            line = printed(site, where, lambda start, size: data[start:start + size].ljust(size, b"\0"), 4 * (at + 4))
            (print or _print)(line)
        if words[0] > len(words) - 1:
            (print or _print)(f"({words[0] - len(words) + 1} words of further lines did not fit)")


def _print(line):
    import sys
    sys.stdout.write(line + "\n")


def _compiled(request, device):
    """Shaders are kept with the compiled kernels."""
    request = request | {"target": "webgpu"}
    python = request["python"]
    name = _cache.key("gpu", request["path"], request["files"], request["kernel"], request["signature"], sorted(request["constants"].items()), request["debug"])
    stored = None if python.asked else _cache._read(name)
    try:
        entry, texts = json.loads(stored) if stored else (None, None)
    except ValueError:
        entry = None
    if entry is None:
        folder = tempfile.mkdtemp(prefix="nereid-")
        try:
            entry = json.loads(_core.artefacts(**request, directory=folder))
            texts = {file: (Path(folder) / file).read_text(encoding="utf-8") for file in entry["files"]}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not python.asked:
            _cache._write(name, json.dumps([entry, texts]).encode())
    return GpuKernel(device, entry, texts)


class OnGpu(JITFunction):
    """A kernel whose launches run on a GPU. Arrays in CPU memory are copied there, and back if the kernel writes to them."""

    def __init__(self, fn, device, **options):
        super().__init__(fn, **options)
        self.device = 0 if device == "gpu" else int(device.partition(":")[2])

    def __getitem__(self, grid):
        return functools.partial(self._copied, grid)

    def _copied(self, grid, /, *args, **kwargs):
        values = self.bind(*args, **kwargs)
        options = {k: v for k, v in kwargs.items() if k not in values}
        copies = {}

        def there(value):
            if isinstance(value, tuple):
                return tuple(map(there, value))
            if isinstance(value, Array) or isinstance(value, (bool, int, float, str)) or value is None or not _core.array(value):
                return value
            if id(value) not in copies:
                copies[id(value)] = value, array(value, self.device)
            return copies[id(value)][1]

        on_gpu = {k: there(v) for k, v in values.items()}
        kernel = self.launch(grid, (), {**on_gpu, **options})
        written = {id(on_gpu[name]) for name, writes in zip(kernel.parameters, kernel.writes) if writes and name in on_gpu}
        for value, copy in copies.values():
            if id(copy) in written:
                import numpy
                numpy.asarray(value)[...] = copy.numpy()
        return kernel

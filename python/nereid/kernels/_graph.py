# SPDX-License-Identifier: MIT
"""Launches that are recorded once, and replayed."""
import numpy as np

_ALIGN = 64  # bytes


class Value:
    """An array of a graph: an input, or the result of an operation. Its memory is chosen when the graph is compiled."""

    def __init__(self, graph, dtype, shape, whole=None, begin=0):
        self.graph, self.dtype, self.shape = graph, np.dtype(dtype), tuple(shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.ndim = len(self.shape)
        self.whole, self.begin = whole if whole is not None else self, begin

    def __repr__(self):
        return f"<value {self.dtype} {list(self.shape)}>"

    def part(self, begin, end=None):
        """The elements from `begin` up to (excluding) `end`, on the same memory."""
        end = self.size if end is None else end
        if not 0 <= begin <= end <= self.size:
            raise ValueError(f"elements {begin} to {end} are outside the value, which has {self.size} elements")
        return Value(self.graph, self.dtype, (end - begin, ), self.whole, self.begin + begin)

    def reshape(self, *shape):
        """The same elements with another shape."""
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        made = Value(self.graph, self.dtype, shape, self.whole, self.begin)
        if made.size != self.size:
            raise ValueError(f"a value of {self.size} elements cannot have the shape {list(shape)}")
        return made


class Graph:
    """Records the launches of operations on its values.

        g = Graph()
        x = g.input("x", np.float32, (32, 384))
        plan = g.compile(y=kernels.matmul(x, w, activation="gelu"))
        y = plan.run(x=data)["y"]
    """

    def __init__(self):
        self._inputs, self._nodes = {}, []

    def input(self, name, dtype, shape):
        """A value that each run begins with."""
        if name in self._inputs:
            raise ValueError(f"the graph has an input `{name}` already")
        self._inputs[name] = self.empty(dtype, shape)
        return self._inputs[name]

    def empty(self, dtype, shape):
        """A value that a launch fills."""
        return Value(self, dtype, shape)

    def launch(self, kernel, grid, **arguments):
        """Records a launch of any kernel, whose arguments are values of this graph, arrays, numbers and constexprs."""
        for name, value in arguments.items():
            if isinstance(value, Value) and value.graph is not self:
                raise ValueError(f"argument `{name}` is a value of another graph")
        self._nodes.append((kernel, grid, arguments))

    def compile(self, **outputs):
        """Compiles the kernels, and allocates memory for all values. Outputs get separate arrays; other values share memory."""
        for name, value in outputs.items():
            if not isinstance(value, Value) or value.graph is not self:
                raise ValueError(f"output `{name}` is not a value of this graph")
        own = {id(v.whole): _zeros(v.whole.dtype, v.whole.shape) for v in (*self._inputs.values(), *outputs.values())}
        lifetimes = {}
        for k, (_, _, arguments) in enumerate(self._nodes):
            for value in arguments.values():
                if isinstance(value, Value) and id(value.whole) not in own:
                    lifetimes.setdefault(id(value.whole), [value.whole, k, k])[2] = k
        values = list(lifetimes.values())
        sizes = [-(-v.size * v.dtype.itemsize // _ALIGN) * _ALIGN for v, _, _ in values]
        blocks, block_of = share_blocks([(size, first, last) for size, (_, first, last) in zip(sizes, values)])
        memory = [_zeros(np.uint8, (size, )) for size in blocks]
        for (v, _, _), block in zip(values, block_of):
            own[id(v)] = memory[block][:v.size * v.dtype.itemsize].view(v.dtype)

        def filled(value):
            if not isinstance(value, Value):
                return value
            return own[id(value.whole)].reshape(-1)[value.begin:value.begin + value.size].reshape(value.shape)

        launches = [(kernel[grid], {name: filled(value) for name, value in arguments.items()}) for kernel, grid, arguments in self._nodes]
        for (kernel, _, _), (_, arguments) in zip(self._nodes, launches):
            kernel.warmup(grid=(1, ), **arguments)
        named = lambda values: {name: filled(value) for name, value in values.items()}
        return Plan(named(self._inputs), named(outputs), launches, sum(blocks), sum(sizes))


class Plan:
    """A compiled graph. `inputs` and `outputs` are the arrays that a run reads and overwrites; `bytes` is the memory of all other values, and
    `unshared_bytes` what it would be if they did not share memory."""

    def __init__(self, inputs, outputs, launches, shared, unshared):
        self.inputs, self.outputs, self.bytes, self.unshared_bytes = inputs, outputs, shared, unshared
        self.launches = len(launches)
        self._launches = launches

    def launch(self, **inputs):
        """Copies these inputs and runs all launches. Inputs that are not given keep their content."""
        for name, data in inputs.items():
            if name not in self.inputs:
                raise TypeError(f"the graph has no input `{name}`; it has: {', '.join(self.inputs)}")
            if np.shape(data) != self.inputs[name].shape:
                raise ValueError(f"input `{name}` must have the shape {list(self.inputs[name].shape)}, but has {list(np.shape(data))}")
        for name, data in inputs.items():
            self.inputs[name][...] = data
        for run, arguments in self._launches:
            run(**arguments)

    def run(self, **inputs):
        """The same, and returns copies of the outputs by name."""
        self.launch(**inputs)
        return {name: array.copy() for name, array in self.outputs.items()}


def _zeros(dtype, shape):
    """Aligned, so that every value is."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = np.zeros(size + _ALIGN, np.uint8)
    start = -memory.ctypes.data % _ALIGN
    return memory[start:start + size].view(dtype).reshape(shape)


def share_blocks(values):
    """Assigns each value, (bytes, first launch, last launch), to a block, so that values of a block have lifetimes that do not overlap. Values are placed from
    the largest on, each in the smallest block that is free. Returns the bytes of the blocks, and the block of each value."""
    blocks, block_of = [], [0] * len(values)
    for i in sorted(range(len(values)), key=lambda i: (-values[i][0], i)):
        size, first, last = values[i]
        free = [b for b, (_, members) in enumerate(blocks) if all(l < first or last < f for _, f, l in members)]
        if not free:
            blocks.append((size, []))
        block_of[i] = free[-1] if free else len(blocks) - 1
        blocks[block_of[i]][1].append(values[i])
    return [size for size, _ in blocks], block_of

# SPDX-License-Identifier: MIT
"""NumPy arrays with the interface of torch tensors, for code of stock Triton that needs it: host descriptors, hooks of autotuners."""
import sys


def _type():
    import numpy

    class Tensor(numpy.ndarray):
        """A view of an array with some of torch's methods."""

        def data_ptr(self):
            return self.ctypes.data

        def stride(self, dim=None):
            strides = tuple(s // self.itemsize for s in self.strides)
            return strides if dim is None else strides[dim]

        def element_size(self):
            return self.itemsize

        def numel(self):
            return self.size

        def is_contiguous(self):
            return self.flags.c_contiguous

        def zero_(self):
            self[...] = 0
            return self

        def clone(self):
            return self.copy()

        def copy_(self, other):
            self[...] = other
            return self

    return Tensor


_Tensor = None


def tensor(array):
    """A view of a NumPy array; returns anything else unchanged."""
    global _Tensor
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(array, numpy.ndarray):
        return array
    if _Tensor is None:
        _Tensor = _type()
    return array.view(_Tensor)

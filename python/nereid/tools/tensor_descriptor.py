# SPDX-License-Identifier: MIT
"""Descriptors that a launch hands to a kernel."""
from .. import _core


class TensorDescriptor:
    """An array with the shape of the blocks that kernels read and write; strides are in elements."""

    def __init__(self, base, shape, strides, block_shape, padding="zero"):
        if len(shape) != len(block_shape) or len(strides) != len(shape):
            raise ValueError("shape, strides and block_shape have one number an axis each")
        if strides and strides[-1] != 1:
            raise ValueError("the last axis of a descriptor is contiguous: its stride is 1")
        if padding not in ("zero", "nan"):
            raise ValueError("padding is 'zero' or 'nan'")
        if padding == "nan":
            raise NotImplementedError("descriptors of a launch are padded with zero; tl.make_tensor_descriptor in the kernel takes padding_option='nan'")
        self.base, self.shape, self.strides, self.block_shape, self.padding = base, list(shape), list(strides), list(block_shape), padding

    @staticmethod
    def from_tensor(array, block_shape, padding="zero"):
        _, _, _, _, contiguous, shape, *_ = _core.array(array)
        if contiguous:
            strides = [1] * len(shape)
            for d in range(len(shape) - 1, 0, -1):
                strides[d - 1] = strides[d] * shape[d]
        elif hasattr(array, "stride"):
            strides = list(array.stride())
        else:
            strides = [s // array.itemsize for s in array.strides]
        return TensorDescriptor(array, shape, strides, block_shape, padding)

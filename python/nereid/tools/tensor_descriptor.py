# SPDX-License-Identifier: MIT
"""Tensor descriptors as arguments of a launch."""
from .. import _core


class TensorDescriptor:
    """An array with the shape of the blocks that kernels read and write; strides are in elements."""

    def __init__(self, base, shape, strides, block_shape, padding="zero"):
        if len(shape) != len(block_shape) or len(strides) != len(shape):
            raise ValueError(f"shape, strides and block_shape must have the same length (got {len(shape)}, {len(strides)} and {len(block_shape)})")
        if strides and strides[-1] != 1:
            raise ValueError(f"the last stride of a descriptor must be 1 (got {strides[-1]})")
        if padding not in ("zero", "nan"):
            raise ValueError(f"padding must be 'zero' or 'nan' (got {padding!r})")
        if padding == "nan":
            raise NotImplementedError("a descriptor passed to a launch can only be padded with zero: use tl.make_tensor_descriptor with padding_option='nan' in the kernel")
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

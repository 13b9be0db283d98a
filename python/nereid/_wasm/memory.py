# SPDX-License-Identifier: MIT
"""Arrays of a launch in the memory of WebAssembly, which cannot see the memory of Python."""


class Ranges:
    """Places memory ranges elsewhere: those that overlap stay together, and addresses keep their remainder by 64."""

    def __init__(self, arrays):
        """`arrays`: (address, bytes, whether it may be written)."""
        self.parts = []  # [begin, end, written, offset]
        self.bytes = 0
        for begin, size, written in sorted(arrays):
            if self.parts and begin < self.parts[-1][1]:
                last = self.parts[-1]
                last[1], last[2] = max(last[1], begin + size), last[2] or written
            else:
                self.parts.append([begin, begin + size, written, 0])
        for part in self.parts:
            offset = (self.bytes + 63 & ~63) + part[0] % 64
            part[3] = offset
            self.bytes = offset + part[1] - part[0]
        self.bytes += 64  # a pointer to the end is an address, too

    def offset(self, address):
        """Where an address is, relative to the start of the place."""
        for begin, end, _, offset in self.parts:
            if begin <= address <= end:
                return offset + address - begin
        return 0  # of an array without elements

# SPDX-License-Identifier: MIT
"""The command `nereid`, also `python -m nereid`."""
import signal
import sys

from . import _core


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would only remember the signal until the command ends
    sys.exit(_core.run_tool(["nereid", *sys.argv[1:]]))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Launches in a difficult process: signals, memory that changes owners, no more threads, internal faults."""
import array
import json
import mmap
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import nereid
import nereid.language as tl
from nereid import _core


@nereid.jit
def long_for(x, n):
    s = 0.0
    for i in range(n):
        s = tl.sin(s + i)
    tl.store(x, s)


@nereid.jit
def endless_while(x, n):
    i = 0
    while i < n:
        i += tl.load(x)


@nereid.jit
def endless_inside(x, n, B: tl.constexpr):
    t = tl.zeros((B, ), tl.int32)
    for k in range(4):
        if tl.program_id(0) >= 0:
            while tl.max(t) < n:
                t += tl.load(x + tl.arange(0, B))
    tl.store(x, tl.max(t))


@nereid.jit
def add_one(x, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(x + i, tl.load(x + i) + 1)


class Alarm:
    """Sends SIGALRM after a moment, with a handler that raises or does something else."""

    def __init__(self, handler, seconds=0.3):
        self.handler, self.seconds = handler, seconds

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.handler)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
        self.took = time.monotonic() - self.start


class Ring(Exception):
    pass


def ring(*_):
    raise Ring


ENDLESS = {
    "for": lambda: long_for[(1, )](np.zeros(1, np.float32), 2**31 - 2),
    "while": lambda: endless_while[(1, )](np.zeros(1, np.int32), 5),
    "while of tiles": lambda: endless_inside[(1, )](np.zeros(64, np.int32), 5, B=64),
    "helpers": lambda: endless_while[(64, )](np.zeros(1, np.int32), 5),
    "programs": lambda: long_for[(1 << 30, )](np.zeros(1, np.float32), 1),
}


@pytest.mark.parametrize("threads", (1, 3))
@pytest.mark.parametrize("launch", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_signal_stops_a_kernel(launch, threads):
    nereid.set_num_threads(threads)
    try:
        with Alarm(ring) as alarm, pytest.raises(Ring):
            launch()
        assert alarm.took < 10
        x = np.zeros(16, np.float32)
        add_one[(1, )](x, B=16)
        assert (x == 1).all()
    finally:
        nereid.set_num_threads(0)


def test_ctrl_c_is_a_keyboard_interrupt():
    # A shell ignores the signal for what it runs in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ENDLESS["while"]()
    finally:
        signal.signal(signal.SIGINT, before)


# Without the extension, arrays of a launch are copied: what others write meanwhile does not reach the kernel.
shares_memory = pytest.mark.skipif(not _core.NATIVE, reason="arrays of a launch are copied")


@shares_memory
def test_a_handler_that_returns_lets_the_kernel_go_on():
    flag, rung = np.zeros(1, np.int32), []

    def handler(*_):
        x = np.zeros(100000, np.float32)  # a launch within the launch
        long_for[(1, )](np.zeros(1, np.float32), 10)
        add_one[(1, )](x, B=16)
        rung.append(x[0])
        flag[0] = 9

    with Alarm(handler):
        endless_while[(1, )](flag, 5)
    assert rung == [1]


@shares_memory
def test_an_interrupted_launch_in_a_thread_waits_for_nobody():
    """Only the main thread handles signals: a launch in another thread continues, and the main thread is free."""
    flag = np.zeros(1, np.int32)
    t = threading.Thread(target=lambda: endless_while[(1, )](flag, 5))
    t.start()
    with Alarm(ring, 0.2), pytest.raises(Ring):
        time.sleep(5)
    assert t.is_alive()
    flag[0] = 9
    t.join(10)
    assert not t.is_alive()


@pytest.mark.parametrize("target", ("interp", "lower", "threads", "wasm", "webgpu"))
def test_other_targets(target, monkeypatch):
    web = pathlib.Path(__file__).resolve().parents[2] / "web"
    for name, path in (("NEREID_NODE_RUNNER", web / "dist/node-run.js"), ("NEREID_NODE", web / "node_modules/node/bin/node")):
        if path.exists():
            monkeypatch.setenv(name, str(path))
    about = {t["name"]: t for t in json.loads(_core.targets())}.get(target)
    if not about or not about["runs"]:
        pytest.skip(about and about["missing"] or "not built")
    x = np.zeros(1, np.int32)
    compiled = _core.compile(**endless_while._request(["*i32", "i32"], {}, False, target))
    with Alarm(ring, 1.5 if target in ("wasm", "webgpu") else 0.3) as alarm, pytest.raises(Ring):
        compiled.launch(1, [(x.ctypes.data, 4), (5, 0)])
    assert alarm.took < 10
    x[0] = 9  # and again: a new process of Node
    compiled.launch(1, [(x.ctypes.data, 4), (5, 0)])


# ---- memory


class Snapshot:
    """Creates the memory that it exports."""

    def __dlpack__(self, **options):
        return np.ones(1 << 20, np.int32).__dlpack__(**options)

    def __dlpack_device__(self):
        return 1, 0


@nereid.jit
def total(x, o, n, B: tl.constexpr):
    s = 0
    for k in range(0, n, B):
        s += tl.sum(tl.load(x + k + tl.arange(0, B)))
    tl.store(o, s)


def test_memory_of_dlpack_lives_as_long_as_the_launch():
    o = np.zeros(1, np.int32)
    for _ in range(3):
        total[(1, )](Snapshot(), o, 1 << 20, B=1024)
        assert o[0] == 1 << 20


@nereid.jit
def wait_and_fill(flag, x, n, B: tl.constexpr):
    i = 0
    while i < n:
        i += tl.load(flag)
    tl.store(x + tl.arange(0, B), 1)


BUFFERS = {
    "bytearray": (lambda: bytearray(1 << 16), lambda b: b.extend(bytes(1 << 20))),
    "array": (lambda: array.array("i", bytes(1 << 16)), lambda b: b.extend(range(1 << 18))),
    "mmap": (lambda: mmap.mmap(-1, 1 << 16), lambda b: b.close()),
    "memoryview": (lambda: memoryview(bytearray(1 << 16)), lambda b: b.release()),
}


@shares_memory
@pytest.mark.parametrize("make, resize", BUFFERS.values(), ids=BUFFERS.keys())
def test_buffers_are_held(make, resize):
    flag, b, caught = np.zeros(1, np.int32), make(), []

    def other():
        time.sleep(0.2)
        try:
            resize(b)
        except BufferError as e:
            caught.append(e)
        flag[0] = 9

    t = threading.Thread(target=other)
    t.start()
    wait_and_fill[(1, )](flag, b, 5, B=1024)
    t.join()
    assert len(caught) == 1
    assert np.frombuffer(b, np.int8)[:8].any()
    if not isinstance(b, mmap.mmap):  # NumPy's view of it may still be there
        resize(b)


# ---- threads and faults


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS")
def test_without_threads_a_launch_takes_those_there_are(tmp_path):
    script = tmp_path / "k.py"
    script.write_text(
        textwrap.dedent("""\
        import resource
        import numpy as np, nereid, nereid.language as tl
        @nereid.jit
        def k(x, B: tl.constexpr):
            tl.store(x + tl.program_id(0) * B + tl.arange(0, B), 1)
        x = np.zeros(1 << 16, np.float32)
        k[(1,)](x, B=128)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
        nereid.set_num_threads(200)
        k[(512,)](x, B=128)
        print(x.all())
        """))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_a_fault_of_the_compiler_is_an_exception_with_a_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(nereid.InternalError, match="a fault that was asked for") as caught:
        total.emit("fault", signature="*i32:16,*i32,i32", B=64)
    command = shlex.split(str(caught.value).splitlines()[-1])
    path, kernel = command[4].split(":")
    assert command[:4] == ["nereid", "emit", "--stage", "fault"] and kernel == "total"
    assert command[5:] == ["--signature", "*i32:16,*i32,i32,", "-D", "B=64"]
    assert path.startswith(str(tmp_path)) and "s += tl.sum" in open(path).read()
    # The printed command reproduces the fault, and the process continues.
    files = [(f.name, f.read_text(), "") for f in tmp_path.glob("*/*")]
    with pytest.raises(nereid.InternalError):
        _core.emit(path=os.path.basename(path), files=files, kernel=kernel, signature=command[6].split(","), constants={"B": "64"}, stage="fault")
    assert "tt.func" in total.emit("ttir", signature="*i32:16,*i32,i32", B=64)


@pytest.mark.skipif(not _core.NATIVE, reason="the fault is one of the C interface")
@pytest.mark.parametrize("target", ["interp", "cpu"])
def test_a_fault_of_a_launch_is_one_too(target, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source = textwrap.dedent("""
        import triton
        import triton.language as tl
        @triton.jit
        def k(x, n, a, B: tl.constexpr):
            tl.store(x + tl.arange(0, B), a, mask=tl.arange(0, B) < n)
        """)
    kernel = _core.compile(path="k.py", files=[("k.py", source, "")], kernel="k", signature=["*fp32", "i32", "fp32"], constants={"B": "8"}, target=target)
    x = np.zeros(8, np.float32)
    with pytest.raises(nereid.InternalError, match="a fault that was asked for") as caught:
        kernel.launch((2, 1), [(x.ctypes.data, x.nbytes), (2**32 - 3, 0), (0x3FC00000, 0)], threads=-2**31)
    command = shlex.split(str(caught.value).splitlines()[-1])
    assert command[:6] == ["nereid", "run", "--target", target, "--grid", "2,1,1"]
    assert command[7:] == ["--signature", "*fp32,i32,fp32", "-D", "B=8", "--arg", "x=zeros:fp32[8]", "--arg", "n=-3", "--arg", "a=1.5"]
    binary = os.path.join(os.path.dirname(__file__), "../../build/bin/nereid")
    if os.path.exists(binary):
        subprocess.run([binary, *command[1:]], check=True)
    kernel.launch((2, 1), [(x.ctypes.data, x.nbytes), (5, 0), (0x3FC00000, 0)])
    assert x.sum() == 7.5

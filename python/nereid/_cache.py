# SPDX-License-Identifier: MIT
"""Compiled kernels on disk: in NEREID_CACHE_DIR, or `nereid` in the user's cache directory; NEREID_CACHE=0 turns it off.

An entry is a file with its checksum, version and processor; the library checks them, and recompiles a kernel whose entry is invalid. Files are
written under a temporary name and renamed, so that processes may share the directory.
"""
import hashlib
import json
import os
import tempfile

from . import _core

LIMIT = 512 << 20  # bytes; above it the oldest files are deleted

_stamp = None
_writes = 0
_schedules = {}  # those of this process, which may have no folder
tunings = 0  # schedules that this process has kept or forgotten


def directory():
    if os.environ.get("NEREID_CACHE") == "0":
        return None
    chosen = os.environ.get("NEREID_CACHE_DIR")
    if chosen:
        return chosen
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "nereid")


def _build():
    """An id of this build of the compiler, among builds of the same version."""
    global _stamp
    if _stamp is None:
        try:
            about = os.stat(_core.FILE)
            _stamp = f"{_core.version()} {about.st_size} {about.st_mtime_ns} {_core.processor()}"
        except OSError:
            _stamp = f"{_core.version()} {_core.processor()}"
    return _stamp


def key(*parts):
    """A hash of everything that the code depends on."""
    return hashlib.sha256(repr((_build(), parts)).encode("utf-8", "surrogatepass")).hexdigest()


def find(name, python):
    """The cached kernel of a request, if Python gives the same answers to the compiler's questions as before: constexpr functions may depend on anything."""
    data = _read(name + ".asked")
    return load(key(name, [python(question) for question in json.loads(data)]) if data else name)


def keep(name, python, kernel):
    if python.asked:
        _write(name + ".asked", json.dumps([question for question, _ in python.asked]).encode())
        name = key(name, [answer for _, answer in python.asked])
    store(name, kernel)


def load(name):
    """The kernel, or None."""
    data = _read(name)
    try:
        return _core.load(data) if data else None
    except ValueError:
        return None


def store(name, kernel):
    if directory() and (data := kernel.save()):
        _write(name, data)


def schedule(name):
    """Returns the schedule that nereid.tune stored for a request on this processor, or an empty string."""
    name = key("schedule", name)
    if name not in _schedules:
        return (_read(name) or b"").decode("utf-8", "replace")
    return _schedules[name]


def keep_schedule(name, text):
    """Keeps a tuned schedule, for later processes too; "" forgets it."""
    global tunings
    tunings += 1
    name = key("schedule", name)
    _schedules[name] = text
    if text:
        _write(name, text.encode())
    elif _read(name):
        _delete(name)


def _delete(name):
    try:
        os.unlink(os.path.join(directory(), name[:2], name[2:]))
    except OSError:
        pass


def _read(name):
    folder = directory()
    if not folder:
        return None
    try:
        with open(os.path.join(folder, name[:2], name[2:]), "rb") as f:
            return f.read()
    except OSError:
        return None


def _write(name, data):
    """Ignores a cache that cannot be written."""
    global _writes
    folder = directory()
    if not folder:
        return
    place = os.path.join(folder, name[:2])
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(data)
            os.replace(aside, os.path.join(place, name[2:]))
        except BaseException:
            os.unlink(aside)
            raise
        _writes += 1
        if _writes % 64 == 0:
            prune(folder)
    except OSError:
        pass


def prune(folder, limit=LIMIT):
    files = []
    for place, _, names in os.walk(folder):
        for n in names:
            path = os.path.join(place, n)
            try:
                about = os.stat(path)
            except OSError:
                continue
            files.append((about.st_mtime_ns, about.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            return
        try:
            os.unlink(path)
        except OSError:
            continue
        total -= size

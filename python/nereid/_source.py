# SPDX-License-Identifier: MIT
"""The source that a kernel is compiled from: its own text and that of everything it uses, as files that represent modules.

The compiler does not run Python, so the values of globals are generated as source for it. Each function becomes a file. Its lines keep their numbers in the
user's file, so that errors point there; below them are the bindings of its globals:

    <as many empty lines as lines above it>
    @nereid.jit
    def kernel(...):
        ...
    import triton.language as tl
    from __nereid_2 import helper
    SCALE = __tl.constexpr(3)
"""
import ast
import builtins
import collections
import importlib
import inspect
import os
import sys
import textwrap
import traceback
import types
import weakref

from .language import _values

FUNCTIONS = ("JITFunction", "ConstexprFunction")
# Modules of Python that the compiler can evaluate at compile time.
KNOWN = {"math": "math", "itertools": "itertools", "functools": "functools", "_functools": "functools", "operator": "operator", "_operator": "operator"}


def literal(value, bind=None):
    """A value as an expression for the compiler; `bind` names values without a literal. None if it cannot be expressed."""
    if isinstance(value, _values.constexpr) or type(value).__name__ == "constexpr" and hasattr(value, "value"):
        return literal(value.value, bind)
    if value is None or isinstance(value, (bool, str)):
        return repr(value) if type(value).__module__ == "builtins" else repr(str(value))
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        value = float(value)
        return repr(value) if value - value == 0 else f"float('{value}')"
    if isinstance(value, _values.dtype):
        return f"__tl.{value.attribute}"
    if type(value).__module__.startswith(("triton.", "nereid.")) and type(value).__name__ in ("dtype", "pointer_type", "block_type"):
        if type(value).__name__ == "dtype":
            return next((f"__tl.{d.attribute}" for d in _values.DTYPES.values() if d.name == value.name), None)
        element = literal(value.element_ty)
        return f"__tl.pointer_type({element})" if type(value).__name__ == "pointer_type" else f"__tl.block_type({element}, {tuple(int(n) for n in value.shape)})"
    if isinstance(value, (tuple, list)):
        items = [literal(v, bind) for v in value]
        left, right = "[]" if type(value) is list else "()"
        return None if None in items else f"{left}{''.join(i + ', ' for i in items)}{right}"
    if type(value) is dict:
        pairs = [(literal(k, bind), literal(v, bind)) for k, v in value.items()]
        return None if any(None in pair for pair in pairs) else f"{{{', '.join(f'{k}: {v}' for k, v in pairs)}}}"
    if isinstance(value, (set, frozenset)):
        items = [literal(v, bind) for v in value]
        return None if None in items else f"set([{', '.join(sorted(items))}])"
    if hasattr(value, "__index__") and not hasattr(value, "__len__"):  # numbers of NumPy
        return repr(value.__index__())
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return literal(value.item())
    return bind(value) if bind else None


def _triton_module(name):
    for package in ("nereid", "triton"):
        if name == package or name.startswith(package + "."):
            return "triton" + name[len(package):]
    return None


class Files:
    """Files for one kernel. `entry` is the path of the kernel's; `watched` are the names that it depends on: (dict or cell, name, value, redefinable).
    Constants must not change; a function or class that is redefined compiles the kernel again, and so does any global of a constexpr function."""

    def __init__(self, kernel, constants=None):
        self._numbers, self._texts, self._keep = {}, [], []
        self._values = {}  # for a function, the object that other files refer to: its kernel or constexpr function
        self.watched = []
        self._on_constants = None  # in a function of constants its package
        self.constants, self.objects = {}, []  # as texts; objects that only Python knows
        self.entry = self._path(self._function(kernel, constants or {}))

    def list(self):
        """[(path, text, shown path)]"""
        return [(self._path(i), text, shown) for i, (text, shown) in enumerate(self._texts)]

    @staticmethod
    def _path(number):
        return f"__nereid_{number}.py"

    def value(self, path):
        """The function whose source a file contains."""
        number = int(path.removeprefix("__nereid_").removesuffix(".py"))
        return self._values.get(number, self._keep[number])

    def spelled(self, value):
        """The expression for a function in one of the files; None if no file contains it."""
        fn = getattr(value, "fn", value)
        number = self._numbers.get(id(fn))
        return None if number is None else f"__function({self._path(number)[:-3]!r}, {_name(fn)!r})"

    def _new(self, key):
        self._numbers[id(key)] = number = len(self._texts)
        self._keep.append(key)  # an id is unique only while its object lives
        self._texts.append(("", ""))
        return number

    def _function(self, fn, constants=None, on_constants=False):
        """`on_constants`: a Python function on constants."""
        fn, wrapped = getattr(fn, "fn", fn), fn
        if id(fn) in self._numbers:
            return self._numbers[id(fn)]
        try:
            lines, first = source_lines(fn)
            tree = ast.parse(textwrap.dedent("".join(lines)))
            if on_constants and (not isinstance(fn, types.FunctionType) or getattr(tree.body[0], "name", None) != fn.__name__):
                raise ValueError("the source has another name")
        except (ValueError, SyntaxError):
            if not on_constants:
                raise
            return self._opaque(fn)
        number = self._new(fn)
        if wrapped is not fn:
            self._values[number] = wrapped
        names = dict(fn.__globals__)
        cells = {name: cell for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()) if _filled(cell)}
        names.update({name: cell.cell_contents for name, cell in cells.items()})
        outer, self._on_constants = self._on_constants, _package(fn.__module__) if on_constants else None
        footer = self._bindings(tree, names, fn.__globals__, cells)
        self._on_constants = outer
        footer.append(f"{fn.__name__} = __triton.{'constexpr_function' if on_constants else 'jit'}({fn.__name__})")
        for name, value in (constants or {}).items():
            text = literal(value, lambda v: self._named(v, footer))
            if text is None:
                if hasattr(value, "dtype") and hasattr(value, "shape"):
                    raise TypeError(f"`{name}` is a constexpr, but got an array, {value!r}: pass a number, string, tuple or function")
                self.objects.append(value)
                text = _object(len(self.objects) - 1, value)
            self.constants[name] = text
        self._finish(number, lines, first, footer, fn.__code__.co_filename)
        return number

    def _opaque(self, fn):
        """A function of constants without source, such as the result of a decorator: Python runs it, and the compiler knows its name."""
        number = self._new(fn)
        self._texts[number] = (f"import triton.language as __tl\n@constexpr_function\ndef {_name(fn)}(*args, **kwargs): ...\n", "")
        return number

    def _plain(self, fn):
        """A plain Python function: the compiler reports a kernel that calls it; constexpr functions may call it."""
        if id(fn) not in self._numbers:
            try:
                lines, first = source_lines(fn)
            except ValueError:
                return None
            number = self._new(fn)
            self._finish(number, lines, first, [], fn.__code__.co_filename)
        return self._numbers[id(fn)]

    def _class(self, cls):
        if id(cls) in self._numbers:
            return self._numbers[id(cls)]
        number = self._new(cls)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            self._texts[number] = (f"class {cls.__name__}(NamedTuple):\n" + "".join(f"    {field}: int\n" for field in cls._fields), "")
            return number
        lines, first = inspect.getsourcelines(cls)
        module = sys.modules.get(cls.__module__)
        footer = self._bindings(ast.parse(textwrap.dedent("".join(lines))), vars(module) if module else {}, vars(module) if module else {})
        self._finish(number, lines, max(first, 1), footer, inspect.getsourcefile(cls) or "")
        return number

    def _module(self, module, tree, name):
        """The members of a user's module that the kernel uses."""
        key = (module, tree, name)
        number = self._new(key)
        members = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name}
        footer = ["import triton as __triton", "import triton.language as __tl"]
        for member in sorted(members):
            value = getattr(module, member, None)
            if value is not None:
                self._watch(vars(module), member, value)
                # nested modules: the name alone does not determine the used members
                inner = ast.parse(ast.unparse(tree).replace(f"{name}.{member}.", f"{member}.")) if isinstance(value, types.ModuleType) else tree
                self._bind(member, value, inner, footer)
        self._texts[number] = ("\n".join(footer) + "\n", module.__name__)
        return number

    def _finish(self, number, lines, first, footer, path):
        text = "\n" * (first - 1) + "".join(lines)
        if not text.endswith("\n"):
            text += "\n"
        self._texts[number] = (text + "\n".join(footer) + "\n", _short(path))

    def _watch(self, holder, name, value):
        if self._on_constants is not None:
            self.watched.append((holder, name, value, True))
        elif isinstance(value, _values.constexpr):
            self.watched.append((holder, name, value, False))
        elif isinstance(value, types.ModuleType):
            if not _triton_module(value.__name__):
                self.watched.append((holder, name, value, True))
        elif isinstance(value, (type, types.FunctionType)) or type(value).__name__ in FUNCTIONS or hasattr(value, "fn") and hasattr(value, "run"):
            if not _triton_module(value.__module__ or ""):
                self.watched.append((holder, name, value, True))

    def _bindings(self, tree, names, watched, cells=None):
        footer = ["import triton as __triton", "import triton.language as __tl"]
        used = _globals_in(tree)
        for node in ast.walk(tree):  # annotations in quotes
            if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Constant) and isinstance(node.annotation.value, str):
                used.add(node.annotation.value.split(".")[0])
        local = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        for name in sorted(used - local):
            if name not in names:
                continue
            self._bind(name, names[name], tree, footer)
            if cells and name in cells or name in watched:
                self._watch(cells[name] if cells and name in cells else watched, name, names[name])
        return footer

    def _named(self, value, footer):
        """A name for a function or class that is passed as a constant."""
        name = f"__given_{len(footer)}"
        before = len(footer)
        self._bind(name, value, ast.parse(""), footer)
        return name if len(footer) > before else None

    def _foreign(self, value):
        """True if a function of constants uses Python's library or an installed package: then Python runs it, and its source is assumed not to change."""
        module = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
        package = _package(module)
        if self._on_constants is None or package == self._on_constants or _triton_module(module or ""):
            return False
        return package in sys.stdlib_module_names or "site-packages" in (getattr(sys.modules.get(package), "__file__", None) or "site-packages")

    def _bind(self, name, value, tree, footer):
        if isinstance(value, _values.constexpr) or type(value).__name__ == "constexpr" and hasattr(value, "value"):
            text = literal(value)
            if isinstance(value.value, types.FunctionType):
                return footer.append(f"from {self._path(self._function(value.value, on_constants=True))[:-3]} import {_name(value.value)} as {name}")
            if text is None:
                return self._bind(name, value.value, tree, footer)
            footer.append(f"{name} = __tl.constexpr({text})")
        elif isinstance(value, types.ModuleType):
            module = _triton_module(value.__name__) or KNOWN.get(value.__name__)
            if not module and self._foreign(value):
                return
            footer.append(f"import {module or self._path(self._module(value, tree, name))[:-3]} as {name}")
        elif callable(value) and getattr(value, "__module__", None) in KNOWN and not isinstance(value, types.FunctionType):
            footer.append(f"from {KNOWN[value.__module__]} import {value.__name__} as {name}")
        elif isinstance(value, _values.Builtin):
            footer.append(f"from {value.module} import {value.__name__} as {name}")
        elif isinstance(value, type):
            module = _triton_module(value.__module__)
            if module:
                footer.append(f"from triton.language import {value.__name__} as {name}")
            elif getattr(value, "__nereid_aggregate__", False) or hasattr(value, "__triton_aggregate__") or issubclass(value, tuple) and hasattr(value, "_fields"):
                footer.append(f"from {self._path(self._class(value))[:-3]} import {value.__name__} as {name}")
        elif type(value).__name__ in FUNCTIONS and hasattr(value, "fn"):
            fn = value.fn
            if (fn.__module__ or "").startswith("triton.language"):
                return footer.append(f"from triton.language import {fn.__name__} as {name}")
            footer.append(f"from {self._path(self._function(value, on_constants=type(value).__name__ == 'ConstexprFunction'))[:-3]} import {_name(fn)} as {name}")
        elif hasattr(value, "fn") and hasattr(value, "run"):  # an autotuner around a kernel
            self._bind(name, value.fn, tree, footer)
        elif isinstance(value, types.FunctionType):
            module = _triton_module(value.__module__ or "")
            if module:  # nereid.cdiv and other functions that Triton also has
                footer.append(f"from {'triton.language' if module.startswith('triton.language') else 'triton'} import {value.__name__} as {name}")
            elif self._on_constants is not None:  # which calls any function
                if not self._foreign(value):
                    footer.append(f"from {self._path(self._function(value, on_constants=True))[:-3]} import {_name(value)} as {name}")
            elif (number := self._plain(value)) is not None:
                footer.append(f"from {self._path(number)[:-3]} import {value.__name__} as {name}")
        elif getattr(builtins, name, None) is not value:
            text = literal(value, lambda v: self._named(v, footer) if self._on_constants is not None and callable(v) else None)
            if text is not None:
                plain = isinstance(value, _values.dtype) or type(value).__name__ == "dtype" or os.environ.get("TRITON_ALLOW_NON_CONSTEXPR_GLOBALS") != "1"
                footer.append(f"{name} = {text if plain else f'__tl.constexpr({text})'}")


class Python:
    """Evaluates expressions for the compiler while it compiles one kernel: calls of constexpr functions, and operations on objects that only Python knows.
    Called with an expression, it returns True and the value as a literal, or False and three lines: the exception's class, where it was raised, and its text."""

    def __init__(self, files):
        self._files, self._objects = files, list(files.objects)
        self.asked = []  # (expression, answer)
        self.error = None  # the last exception
        kernel = files.value(files.entry)
        stock = any(type(v).__module__.startswith("triton.") for v in files._values.values())
        self._names = {
            "__function": lambda path, name: files.value(path), "__object": self._objects.__getitem__,
            "__named": lambda fields, values: collections.namedtuple("tuple", fields)(*values),
            "__tile": _values.tensor, "__tl": importlib.import_module("triton.language" if stock else "nereid.language"), "__name__": kernel.__module__}

    def __call__(self, expression):
        try:
            value = eval(expression, self._names)
            if isinstance(value, int) and value.bit_length() > 127:
                raise OverflowError("integers at compile time can have at most 127 bits")
            if isinstance(value, _values.tensor):
                raise TypeError("a constexpr function cannot return a tensor: it gets only the type of a tensor")
            answer = True, self._spelled(value) if hasattr(value, "_fields") else literal(value, self._spelled)
        except Exception as e:
            self.error = e
            frames = traceback.extract_tb(e.__traceback__)[1:]
            place = next((f"{_short(f.filename)}:{f.lineno}" for f in reversed(frames) if f.filename != "<string>" and not f.filename.startswith(os.path.dirname(__file__))), "")
            answer = False, f"{type(e).__name__}\n{place}\n{e}"
        self.asked.append((expression, answer))
        return answer

    def fresh(self):
        return Python(self._files)

    def _spelled(self, value):
        """A function as its file and name, any other object as a number."""
        if text := self._files.spelled(value):
            return text
        for number, known in enumerate(self._objects):
            if known is value:
                break
        else:
            number = len(self._objects)
            self._objects.append(value)
        return _object(number, value)


def _object(number, value):
    """The expression for an object that only Python knows."""
    try:
        truth = bool(value)
    except Exception:
        truth = True
    return f"__object({number}, {type(value).__name__!r}, {truth})"


def _name(fn):
    """A function's name in its file."""
    name = getattr(fn, "__name__", "")
    return name if name.isidentifier() else "function"


def _package(module):
    return (module or "").split(".")[0]


def _globals_in(tree):
    """The global names in a function's body: those that it does not bind."""
    used = set()
    for node in tree.body:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        bound = set()
        if isinstance(node, ast.FunctionDef):
            bound = {n.id for n in names if isinstance(n.ctx, ast.Store)} | {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            outside = [*node.args.defaults, *node.args.kw_defaults, node.returns] + [a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg)]
            used |= {n.id for part in outside if part for n in ast.walk(part) if isinstance(n, ast.Name)}
        used |= {n.id for n in names} - bound
    return used


_lines = weakref.WeakKeyDictionary()


def source_lines(fn):
    """The source lines and the number of the first, cached at first use: the file may change later."""
    if fn in _lines:
        return _lines[fn]
    try:
        _lines[fn] = inspect.getsourcelines(fn)
        return _lines[fn]
    except (OSError, TypeError) as e:
        raise ValueError(f"cannot find the source of `{getattr(fn, '__name__', fn)}`: define kernels in a file or a notebook, not in `python -c`, exec or the plain prompt") from e


def _filled(cell):
    try:
        cell.cell_contents
    except ValueError:
        return False
    return True


def _short(path):
    here = os.getcwd() + os.sep
    return path[len(here):] if path.startswith(here) else path

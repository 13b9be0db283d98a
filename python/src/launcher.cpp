// SPDX-License-Identifier: MIT
#include "launcher.h"

#include <nanobind/nanobind.h>
#include <structmember.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <utility>

namespace nereid::python {

namespace nb = nanobind;

bool FastPath::hooks = false;
PyObject *compileError = nullptr, *launchError = nullptr, *internalError = nullptr;

namespace {

// Kinds of arguments in a key. An array is kArray plus the code of its element type.
enum : uint8_t { kNone = 1, kConstant, kOne, kInt, kIntUnsigned64, kIntI64, kFloat, kBool, kTuple, kTupleEnd, kDescriptor, kArray = 32 };
constexpr char kAligned = 1;

struct Names {
  PyObject* debug = PyUnicode_InternFromString("debug");
  PyObject* run = PyUnicode_InternFromString("run");
  PyObject* grid = PyUnicode_InternFromString("grid");
  PyObject* warmup = PyUnicode_InternFromString("warmup");
  PyObject* value = PyUnicode_InternFromString("value");
  PyObject* kernelFor = PyUnicode_InternFromString("kernel_for");
  PyObject* otherwise = PyUnicode_InternFromString("otherwise");
  PyObject* checkCall = PyUnicode_InternFromString("check_call");
  PyObject* checkWatched = PyUnicode_InternFromString("check_watched");
  PyObject* refresh = PyUnicode_InternFromString("refresh");
  PyObject* numWarps = PyUnicode_InternFromString("num_warps");
};
const Names& names() {
  static const auto* all = new Names;
  return *all;
}

// The class tl.constexpr, which can wrap a value.
PyTypeObject* constexprType() {
  static PyTypeObject* type = nullptr;
  if (!type) {
    Ref module(PyImport_ImportModule("nereid.language._values"));
    Ref found(module ? PyObject_GetAttrString(module.get(), "constexpr") : nullptr);
    if (!found)
      PyErr_Clear();
    else
      type = reinterpret_cast<PyTypeObject*>(found.release());
  }
  return type;
}

PyTypeObject* descriptorType() {
  static PyTypeObject* type = nullptr;
  if (!type) {
    Ref module(PyImport_ImportModule("nereid.tools.tensor_descriptor"));
    Ref found(module ? PyObject_GetAttrString(module.get(), "TensorDescriptor") : nullptr);
    if (!found)
      PyErr_Clear();
    else
      type = reinterpret_cast<PyTypeObject*>(found.release());
  }
  return type;
}

// As same_constant in _launch.py: returns true if a kernel compiled for `a` is valid for `b`. 1, 1.0 and True differ, and so do 0.0 and
// -0.0.
bool sameConstant(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {
    double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PyTuple_Check(a)) {
    if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); ++i)
      if (!sameConstant(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i))) return false;
    return true;
  }
  if (constexprType() && Py_TYPE(a) == constexprType()) {
    Ref x(PyObject_GetAttr(a, names().value)), y(PyObject_GetAttr(b, names().value));
    if (x && y) return sameConstant(x.get(), y.get());
  }
  int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) PyErr_Clear();
  return equal == 1;
}

// Returns true for a launch option of Triton that has no effect, as `harmless` in _launch.py does.
bool isHarmless(PyObject* name, PyObject* value) {
  static PyObject *options = nullptr, *function = nullptr;
  if (!options) {
    Ref module(PyImport_ImportModule("nereid._launch"));
    function = module ? PyObject_GetAttrString(module.get(), "harmless") : nullptr;
    options = function ? PyObject_GetAttrString(module.get(), "HARMLESS") : nullptr;
    if (!options) return false;
  }
  if (PySet_Contains(options, name) == 1) return true;
  if (PyUnicode_Compare(name, names().numWarps) == 0 && PyLong_Check(value)) {
    int overflow = 0;
    const long warps = PyLong_AsLongAndOverflow(value, &overflow);
    return !overflow && warps > 0 && !(warps & (warps - 1));
  }
  Ref answer(PyObject_CallFunctionObjArgs(function, name, value, nullptr));
  return answer && answer.get() == Py_True;
}

bool isFloating(DType type) { return type == DType::FP16 || type == DType::BF16 || type == DType::FP32 || type == DType::FP64; }

void text(nereid_text t) { nereid_free(t); }

void addBytes(std::string& out, const int64_t* numbers, size_t count) {
  out.append(reinterpret_cast<const char*>(numbers), count * sizeof *numbers);
}

}  // namespace

void raise(nereid_status status, nereid_text error, nereid_text diagnostics) {
  std::string what(error.data ? error.data : "", error.size);
  while (!what.empty() && what.back() == '\n') what.pop_back();
  std::string json(diagnostics.data ? diagnostics.data : "[]", diagnostics.data ? diagnostics.size : 2);
  text(error);
  text(diagnostics);
  PyObject* type = status == NEREID_ERROR         ? compileError
                   : status == NEREID_UNAVAILABLE ? PyExc_RuntimeError
                   : status == NEREID_INTERNAL    ? internalError
                                                  : PyExc_ValueError;
  if (type != compileError) return PyErr_SetString(type, what.c_str());
  Ref made(PyObject_CallFunction(type, "ss", what.c_str(), json.c_str()));
  if (made) PyErr_SetObject(type, made.get());
}

Kernel::Kernel(nereid_kernel* kernel) : kernel_(kernel, nereid_kernel_free) {
  nereid_text json = nereid_kernel_describe(kernel);
  about_.assign(json.data, json.size);
  nereid_free(json);
  Ref loads(PyImport_ImportModule("json"));
  Ref about(loads ? PyObject_CallMethod(loads.get(), "loads", "s", about_.c_str()) : nullptr);
  if (!about) throw nb::python_error();
  for (nb::handle p : nb::borrow<nb::dict>(about.get())["parameters"]) {
    auto d = nb::borrow<nb::dict>(p);
    names_.emplace_back(nb::str(d["name"]).c_str());
    writes_.push_back(d.contains("writes") && nb::cast<bool>(d["writes"]));
  }
}

void FastPath::addParameter(std::string name, bool isConstexpr, bool specializes, bool aligns, const std::string& declared,
                            PyObject* defaultValue) {
  Parameter p;
  p.key = Ref(PyUnicode_InternFromString(name.c_str()));
  p.name = std::move(name);
  p.isConstexpr = isConstexpr;
  p.specializes = specializes;
  p.aligns = aligns;
  p.declaredPointer = declared.starts_with('*');
  p.declared = dtypeNamed(declared.c_str() + (p.declaredPointer ? declared.find_first_not_of("*k") : 0));
  p.defaultValue = Ref::to(defaultValue);
  parameters_.push_back(std::move(p));
}

// Binds arguments to parameters by Python's rules.
bool FastPath::match(PyObject* const* args, size_t count, PyObject* keywords, Bound& out) const {
  out.values.assign(parameters_.size(), nullptr);
  out.debug = debug;
  if (count > parameters_.size()) return false;
  std::copy(args, args + count, out.values.begin());
  Py_ssize_t n = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* name = PyTuple_GET_ITEM(keywords, i);
    PyObject* value = args[count + static_cast<size_t>(i)];
    size_t at = 0;
    while (at < parameters_.size() && parameters_[at].key.get() != name) ++at;
    if (at == parameters_.size())  // the name was not interned
      for (at = 0; at < parameters_.size() && PyUnicode_CompareWithASCIIString(name, parameters_[at].name.c_str()) != 0;) ++at;
    if (at < parameters_.size()) {
      if (out.values[at]) return false;
      out.values[at] = value;
    } else if (PyUnicode_Compare(name, names().debug) == 0) {
      out.debug = PyObject_IsTrue(value) == 1 || debug;
    } else if (!isHarmless(name, value)) {
      return false;
    }
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (out.values[i]) continue;
    if (!parameters_[i].defaultValue) return false;
    out.values[i] = parameters_[i].defaultValue.get();
  }
  return true;
}

void FastPath::addArray(const Parameter& p, Array&& array, Bound& out) {
  auto address = reinterpret_cast<uintptr_t>(array.data);
  out.key += static_cast<char>(kArray + static_cast<uint8_t>(p.declaredPointer && p.declared != DType::None ? p.declared : array.type));
  out.key += p.aligns && p.specializes && address % 16 == 0 ? kAligned : 0;
  out.arrays.push_back({out.args.size(), array.readOnly});
  out.args.push_back({address, 1});
  if (array.owner) out.owners.push_back(std::move(array.owner));
  if (array.contiguous) return;
  out.strided = true;
  for (auto* numbers : {&array.shape, &array.strides}) addBytes(out.layout, numbers->data(), numbers->size());
}

// A descriptor is passed as its base, sizes and strides.
bool FastPath::addDescriptor(PyObject* value, Bound& out) {
  Ref base(PyObject_GetAttrString(value, "base")), shape(PyObject_GetAttrString(value, "shape")),
      strides(PyObject_GetAttrString(value, "strides")), block(PyObject_GetAttrString(value, "block_shape"));
  Array array;
  if (!base || !shape || !strides || !block || toArray(base.get(), array) != What::Array) return false;
  out.key += static_cast<char>(kDescriptor);
  out.key += static_cast<char>(array.type);
  auto each = [&](PyObject* sequence, auto&& f) {
    Ref fast(PySequence_Fast(sequence, ""));
    if (!fast) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
      int64_t n = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(fast.get(), i));
      if (n == -1 && PyErr_Occurred()) return false;
      f(n);
    }
    return true;
  };
  size_t rank = 0;
  if (!each(block.get(), [&](int64_t n) {
        out.key.append(reinterpret_cast<const char*>(&n), sizeof n);
        ++rank;
      }))
    return false;
  out.key += static_cast<char>(kTupleEnd);
  out.arrays.push_back({out.args.size(), array.readOnly});
  out.args.push_back({reinterpret_cast<uintptr_t>(array.data), 1});
  if (array.owner) out.owners.push_back(std::move(array.owner));
  out.owners.push_back(std::move(base));
  size_t before = out.args.size();
  for (PyObject* list : {shape.get(), strides.get()})
    if (!each(list, [&](int64_t n) { out.args.push_back({static_cast<uint64_t>(n), 0}); })) return false;
  return out.args.size() - before == 2 * rank;
}

bool FastPath::addValue(const Parameter& p, PyObject* value, bool part, Bound& out) {
  DType declared = part || p.declaredPointer ? DType::None : p.declared;
  auto constant = [&] {
    out.key += static_cast<char>(kConstant);
    out.constants.push_back(value);
    return true;
  };
  if (p.isConstexpr && !part) return constant();
  if (PyList_Check(value)) return false;
  if (PyTuple_Check(value)) {
    out.key += static_cast<char>(kTuple);
    Py_ssize_t n = PySequence_Fast_GET_SIZE(value);
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!addValue(p, PySequence_Fast_GET_ITEM(value, i), true, out)) return false;
    out.key += static_cast<char>(kTupleEnd);
    return true;
  }
  auto floating = [&](double number) {
    DType type = isFloating(declared) ? declared : DType::FP32;
    out.key += static_cast<char>(kFloat);
    out.args.push_back({encode(number, type), 0});
    return true;
  };
  auto integer = [&](PyObject* object) {
    int overflow = 0;
    long long n = PyLong_AsLongLongAndOverflow(object, &overflow);
    uint64_t bits = static_cast<uint64_t>(n);
    bool big = overflow > 0;
    if (big) bits = PyLong_AsUnsignedLongLong(object);
    if (overflow < 0 || PyErr_Occurred()) return false;
    if (isFloating(declared)) return floating(big ? static_cast<double>(bits) : static_cast<double>(n));
    int64_t number = n;
    addBytes(out.layout, &number, 1);
    if (declared != DType::None) {
      int width = bytesOf(declared) * 8;
      bool isUnsigned = declared == DType::U8 || declared == DType::U16 || declared == DType::U32 || declared == DType::U64;
      bool fits = declared == DType::I1 ? bits <= 1
                  : isUnsigned          ? !(n < 0 && !big) && (width == 64 || bits >> width == 0)
                                        : !big && (width == 64 || (n >= -(1LL << (width - 1)) && n < 1LL << (width - 1)));
      if (!fits) return false;
    }
    if (n == 1 && p.specializes && !big && declared == DType::None) {
      out.key += static_cast<char>(kOne);
      out.key += '\0';
      return true;
    }
    out.key += static_cast<char>(declared != DType::None ? kInt : big ? kIntUnsigned64 : n >= INT32_MIN && n <= INT32_MAX ? kInt : kIntI64);
    out.key += bits % 16 == 0 && p.specializes && p.aligns && declared != DType::I1 ? kAligned : 0;
    out.args.push_back({bits, 0});
    return true;
  };
  if (PyBool_Check(value)) {
    if (declared != DType::None && declared != DType::I1) return integer(value);
    out.key += static_cast<char>(kBool);
    out.args.push_back({value == Py_True, 0});
    return true;
  }
  if (PyLong_Check(value)) return integer(value);
  if (PyFloat_Check(value)) {
    if (declared != DType::None && !isFloating(declared)) return false;
    return floating(PyFloat_AS_DOUBLE(value));
  }
  if (value == Py_None) {
    out.key += static_cast<char>(kNone);
    return true;
  }
  Array array;
  switch (toArray(value, array)) {
    case What::Array: addArray(p, std::move(array), out); return true;
    case What::Error: return false;
    case What::Nothing: break;
  }
  if (PyType_IsSubtype(Py_TYPE(value), descriptorType())) return addDescriptor(value, out);
  // Scalars of NumPy and similar objects.
  if (!std::strncmp(Py_TYPE(value)->tp_name, "numpy.bool", 10))
    return addValue(p, PyObject_IsTrue(value) == 1 ? Py_True : Py_False, part, out);
  if (PyIndex_Check(value)) {
    Ref index(PyNumber_Index(value));
    return index && integer(index.get());
  }
  if (Py_TYPE(value)->tp_as_number && Py_TYPE(value)->tp_as_number->nb_float) {
    double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred()) return false;
    return floating(number);
  }
  // Functions, types and strings are constants, as in Triton.
  return constant();
}

namespace {

// Returns the current binding of a name (a borrowed reference), or null if it is unbound.
PyObject* boundNow(PyObject* holder, PyObject* name) { return PyCell_Check(holder) ? PyCell_GET(holder) : PyDict_GetItem(holder, name); }

}  // namespace

bool FastPath::changed(bool redefinable) const {
  for (const Watched& w : watched_) {
    if (w.redefinable != redefinable) continue;
    PyObject* now = boundNow(w.holder.get(), w.name.get());
    if (now != w.value.get() && (redefinable || !now || !sameConstant(now, w.value.get()))) return true;
  }
  return false;
}

std::shared_ptr<FastPath::Variant> FastPath::find(const Bound& bound) {
  auto matches = [&](const Variant& v) {
    for (size_t i = 0; i < v.constants.size(); ++i)
      if (!sameConstant(v.constants[i].get(), bound.constants[i])) return false;
    return true;
  };
  // A comparison may run Python code, which may launch this kernel again.
  for (size_t i = 0;; ++i) {
    auto found = variants_.find(bound.key);
    if (found == variants_.end() || i >= found->second.size()) return nullptr;
    std::shared_ptr<Variant> v = found->second[i];
    if (matches(*v)) return v;
  }
}

bool gridOf(PyObject* grid, uint32_t out[3]) {
  out[0] = out[1] = out[2] = 1;
  auto one = [&](PyObject* item, size_t k) {
    Ref index(PyIndex_Check(item) ? PyNumber_Index(item) : nullptr);
    long long n = index ? PyLong_AsLongLong(index.get()) : -1;
    if (n < 0 || n > UINT32_MAX) return false;
    out[k] = static_cast<uint32_t>(n);
    return true;
  };
  bool good;
  if (PyTuple_Check(grid) || PyList_Check(grid)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(grid);
    good = n >= 1 && n <= 3;
    for (Py_ssize_t i = 0; good && i < n; ++i) good = one(PySequence_Fast_GET_ITEM(grid, i), static_cast<size_t>(i));
  } else {
    good = one(grid, 0);
  }
  if (good) return true;
  PyErr_Clear();
  return refuse("grid_of", grid);
}

bool refuse(const char* function, PyObject* what) {
  Ref module(PyImport_ImportModule("nereid._launch"));
  Ref done(module ? PyObject_CallMethod(module.get(), function, "(O)", what) : nullptr);
  if (done) PyErr_Format(PyExc_SystemError, "nereid._launch.%s accepts %R, but the extension does not", function, what);
  return false;
}

Signals::~Signals() {
  Py_XDECREF(type_);
  Py_XDECREF(value_);
  Py_XDECREF(trace_);
}

int Signals::check() {
  nb::gil_scoped_acquire held;
  if (PyErr_CheckSignals() == 0) return 0;
  PyErr_Fetch(&type_, &value_, &trace_);
  return 1;
}

void Signals::restore() { PyErr_Restore(std::exchange(type_, nullptr), std::exchange(value_, nullptr), std::exchange(trace_, nullptr)); }

bool launch(const Kernel& kernel, const Bound& bound, const nereid_launch_options& options) {
  for (auto& a : bound.arrays)
    if (a.readOnly && kernel.writes()[a.at]) {
      Ref name(PyUnicode_FromString(kernel.parameters()[a.at].c_str()));
      return name && refuse("refuse_read_only", name.get());
    }
  if (!options.grid[0] || !options.grid[1] || !options.grid[2]) return true;
  nereid_text error{};
  nereid_launch_options with = options;
  with.print = [](void*, const char* line, size_t size) {
    nb::gil_scoped_acquire held;  // released after everything below is destroyed
    std::string text(line, size);
    text += '\n';
    PyObject* out = PySys_GetObject("stdout");
    Ref piece(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
    if (out && out != Py_None && piece && PyFile_WriteObject(piece.get(), out, Py_PRINT_RAW) < 0) PyErr_WriteUnraisable(out);
  };
  Signals signals;
  with.user = &signals;
  with.interrupted = [](void* user) { return static_cast<Signals*>(user)->check(); };
  // Other threads may compile and launch in the meantime. The caller keeps the arguments and the kernel alive.
  PyThreadState* state = PyEval_SaveThread();
  nereid_status status = nereid_launch(kernel.get(), bound.args.data(), bound.args.size(), &with, &error);
  PyEval_RestoreThread(state);
  if (status == NEREID_OK) return true;
  if (status == NEREID_INTERRUPTED) {
    nereid_free(error);
    signals.restore();
    return false;
  }
  if (status != NEREID_ERROR) return raise(status, error), false;
  std::string what(error.data ? error.data : "", error.size);
  nereid_free(error);
  while (!what.empty() && what.back() == '\n') what.pop_back();
  PyErr_SetString(launchError, what.c_str());
  return false;
}

PyObject* FastPath::call(PyObject* self, PyObject* grid, PyObject* const* args, size_t count, PyObject* keywords) {
  // Calls a method of _launch.Launcher with the arguments of this call.
  auto method = [&](PyObject* name, bool withGrid) -> PyObject* {
    Ref positional(PyTuple_New(static_cast<Py_ssize_t>(count))), named(PyDict_New());
    for (size_t i = 0; i < count; ++i) PyTuple_SET_ITEM(positional.get(), static_cast<Py_ssize_t>(i), Ref::to(args[i]).release());
    for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); ++i)
      if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(keywords, i), args[count + static_cast<size_t>(i)]) < 0) return nullptr;
    if (withGrid && (PyDict_SetItem(named.get(), names().grid, grid) < 0 || PyDict_SetItem(named.get(), names().warmup, Py_False) < 0))
      return nullptr;
    Ref run(PyObject_GetAttr(self, name));
    return run ? PyObject_Call(run.get(), positional.get(), named.get()) : nullptr;
  };
  if (slow || hooks) return method(names().run, true);
  // Thread-local buffers are reused by the next launch; a nested launch (from a grid function or a compiler hook) has separate ones.
  static thread_local Bound kept;
  static thread_local bool taken = false;
  Bound own;
  bool nested = std::exchange(taken, true);
  Bound& bound = nested ? own : kept;
  struct Giving {
    Bound& bound;
    bool nested;
    ~Giving() {
      bound.key.clear();
      bound.constants.clear();
      bound.args.clear();
      bound.arrays.clear();
      bound.strided = false;
      bound.layout.clear();
      bound.owners.clear();
      taken = nested;
    }
  } giving{bound, nested};
  bool good = match(args, count, keywords, bound);
  for (size_t i = 0; good && i < parameters_.size(); ++i) good = addValue(parameters_[i], bound.values[i], false, bound);
  if (!good) {
    PyErr_Clear();
    return method(names().otherwise, true);
  }
  bound.key += bound.debug ? 'd' : '-';
  if (changed(true) && !Ref(PyObject_CallMethodNoArgs(self, names().refresh))) return nullptr;
  auto variant = find(bound);
  // Constexprs may be strides, too; those of a variant are known.
  bool checked = !bound.strided || (variant && variant->checked.contains(bound.layout));
  if (!checked && !Ref(method(names().checkCall, false))) return nullptr;
  if (!variant) {
    Ref kernel(method(names().kernelFor, false));
    if (!kernel) return nullptr;
    variant = std::make_shared<Variant>();
    variant->kernel = nb::inst_ptr<Kernel>(nb::handle(kernel.get()));
    variant->owner = std::move(kernel);
    for (PyObject* c : bound.constants) variant->constants.push_back(Ref::to(c));
    variants_[bound.key].push_back(variant);
  }
  if (!checked && variant->checked.size() < 1024) variant->checked.insert(bound.layout);
  if (changed(false) && !Ref(PyObject_CallMethodNoArgs(self, names().checkWatched))) return nullptr;
  const Kernel& kernel = *variant->kernel;
  Ref computed;
  if (PyCallable_Check(grid)) {
    Ref all(PyDict_New());
    for (size_t i = 0; i < parameters_.size(); ++i)
      if (PyDict_SetItem(all.get(), parameters_[i].key.get(), bound.values[i]) < 0) return nullptr;
    computed = Ref(PyObject_CallOneArg(grid, all.get()));
    if (!computed) return nullptr;
    grid = computed.get();
  }
  nereid_launch_options options{};
  if (!gridOf(grid, options.grid)) return nullptr;
  options.threads = threads;
  Ref held = Ref::to(variant->owner.get());
  return nereid::python::launch(kernel, bound, options) ? held.release() : nullptr;
}

// ---- launcher[grid]

namespace {

struct BoundObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject *launcher, *grid;
};
PyTypeObject* boundType = nullptr;

PyObject* callBound(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  auto* b = reinterpret_cast<BoundObject*>(self);
  auto* launcher = nb::inst_ptr<FastPath>(nb::handle(b->launcher));
  return launcher->call(b->launcher, b->grid, args, static_cast<size_t>(PyVectorcall_NARGS(flags)), keywords);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  auto* b = reinterpret_cast<BoundObject*>(self);
  Py_VISIT(b->launcher);
  Py_VISIT(b->grid);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void destroy(PyObject* self) {
  auto* b = reinterpret_cast<BoundObject*>(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF(b->launcher);
  Py_XDECREF(b->grid);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace

bool makeBoundType() {
  static PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(BoundObject, call), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
                                {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                                {Py_tp_members, members},
                                {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {0, nullptr}};
  static PyType_Spec spec{"nereid.Launch", sizeof(BoundObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  boundType = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return boundType != nullptr;
}

PyObject* newBound(PyObject* launcher, PyObject* grid) {
  auto* b = PyObject_GC_New(BoundObject, boundType);
  if (!b) return nullptr;
  b->call = callBound;
  b->launcher = Ref::to(launcher).release();
  b->grid = Ref::to(grid).release();
  PyObject_GC_Track(reinterpret_cast<PyObject*>(b));
  return reinterpret_cast<PyObject*>(b);
}

}  // namespace nereid::python

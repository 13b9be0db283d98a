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

bool Launcher::hooks = false;
PyObject *compileError = nullptr, *launchError = nullptr, *internalError = nullptr;

namespace {

// Kinds of arguments in a key. An array is kArray plus the code of its element type.
enum : uint8_t { kNone = 1, kConstant, kOne, kInt, kIntUnsigned64, kIntI64, kFloat, kBool, kTuple, kTupleEnd, kDescriptor, kArray = 32 };
constexpr char kAligned = 1;

// Launch options of Triton that have no effect on a CPU.
constexpr const char* kOptions[] = {"num_warps",
                                    "num_stages",
                                    "num_ctas",
                                    "maxnreg",
                                    "enable_fp_fusion",
                                    "launch_cooperative_grid",
                                    "launch_pdl",
                                    "ir_override",
                                    "waves_per_eu",
                                    "warp_size",
                                    "ptx_version",
                                    "ptx_options",
                                    "enable_reflect_ftz",
                                    "sched4reg",
                                    "clc",
                                    "min_shared_mem",
                                    "allow_flush_denorm",
                                    "schedule_hint",
                                    "llvm_fn_attrs",
                                    "wgp_cu_mode",
                                    "num_buffers_warp_spec",
                                    "num_consumer_groups",
                                    "reg_dec_producer",
                                    "reg_inc_consumer",
                                    "sanitize_overflow",
                                    "arch",
                                    "matrix_instr_nonkdim",
                                    "kpack",
                                    "cluster_dims",
                                    "extern_libs",
                                    "allow_fp8e4nv",
                                    "max_num_imprecise_acc_default",
                                    "stream",
                                    "instrumentation_mode"};

struct Names {
  PyObject* debug = PyUnicode_InternFromString("debug");
  PyObject* compile = PyUnicode_InternFromString("_compile");
  PyObject* run = PyUnicode_InternFromString("run");
  PyObject* grid = PyUnicode_InternFromString("grid");
  PyObject* warmup = PyUnicode_InternFromString("warmup");
  PyObject* value = PyUnicode_InternFromString("value");
  PyObject* redefined = PyUnicode_InternFromString("_redefined");
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

// Returns true if a kernel compiled for `a` is valid for `b`. 1, 1.0 and True differ, and so do 0.0 and -0.0.
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

bool isFloating(DType type) { return type == DType::FP16 || type == DType::BF16 || type == DType::FP32 || type == DType::FP64; }

void text(nereid_text t) { nereid_free(t); }

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

void Launcher::addParameter(std::string name, bool isConstexpr, bool specializes, bool aligns, const std::string& declared,
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

std::string Launcher::shown() const { return name.empty() ? "the kernel" : "kernel `" + name + "`"; }

std::string Launcher::parameterNames() const {
  std::string out;
  for (const Parameter& p : parameters_) out += (out.empty() ? "" : ", ") + p.name;
  return out;
}

size_t Launcher::size() const {
  size_t n = 0;
  for (auto& [key, list] : variants_) n += list.size();
  return n;
}

// Binds arguments to parameters by Python's rules.
bool Launcher::match(PyObject* const* args, size_t count, PyObject* keywords, Bound& out) const {
  out.values.assign(parameters_.size(), nullptr);
  out.debug = debug;
  if (count > parameters_.size()) {
    PyErr_Format(PyExc_TypeError, "%s takes %zu arguments, but %zu were given", shown().c_str(), parameters_.size(), count);
    return false;
  }
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
      if (out.values[at]) {
        PyErr_Format(PyExc_TypeError, "%s got argument `%U` twice", shown().c_str(), name);
        return false;
      }
      out.values[at] = value;
      continue;
    }
    if (PyUnicode_Compare(name, names().debug) == 0) {
      out.debug = PyObject_IsTrue(value) == 1 || debug;
      continue;
    }
    bool known = false;
    for (const char* option : kOptions) known |= PyUnicode_CompareWithASCIIString(name, option) == 0;
    // These would change the meaning of a kernel.
    for (const char* option : {"launch_cooperative_grid", "ir_override"})
      if (PyUnicode_CompareWithASCIIString(name, option) == 0 && PyObject_IsTrue(value) == 1) {
        PyErr_Format(PyExc_NotImplementedError,
                     option[0] == 'l' ? "launch_cooperative_grid is not supported: on a CPU, programs cannot wait for each other"
                                      : "ir_override is not supported: Nereid compiles kernels from their source only");
        return false;
      }
    // As in Triton, whose message this is.
    if (PyUnicode_CompareWithASCIIString(name, "num_warps") == 0 && PyLong_Check(value)) {
      int overflow = 0;
      const long warps = PyLong_AsLongAndOverflow(value, &overflow);
      if (overflow || warps < 1 || (warps & (warps - 1))) {
        PyErr_Format(PyExc_ValueError, "num_warps must be a power of 2 (got %S)", value);
        return false;
      }
    }
    if (known) continue;
    PyErr_Format(PyExc_TypeError, "%s has no parameter `%U`, and there is no launch option of that name; its parameters are %s",
                 shown().c_str(), name, parameterNames().c_str());
    return false;
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (out.values[i]) continue;
    if (!parameters_[i].defaultValue) {
      const char* name = parameters_[i].name.c_str();
      if (parameters_[i].isConstexpr)
        PyErr_Format(PyExc_TypeError, "%s: argument `%s` is missing; it is a constexpr: pass it by name, such as %s=128", shown().c_str(),
                     name, name);
      else
        PyErr_Format(PyExc_TypeError, "%s: argument `%s` is missing", shown().c_str(), name);
      return false;
    }
    out.values[i] = parameters_[i].defaultValue.get();
  }
  return true;
}

// Puts the argument's name, and the index of an item in a tuple, in front of Python's error. Returns false.
static bool nameRefused(const Parameter& p, const std::string& index) {
  if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_Format(type, "`%s%s`: %S", p.name.c_str(), index.c_str(), error);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
  }
  return false;
}

bool Launcher::addArray(const Parameter& p, PyObject*, Array&& array, Bound& out) const {
  auto address = reinterpret_cast<uintptr_t>(array.data);
  out.key += static_cast<char>(kArray + static_cast<uint8_t>(p.declaredPointer && p.declared != DType::None ? p.declared : array.type));
  out.key += p.aligns && p.specializes && address % 16 == 0 ? kAligned : 0;
  out.arrays.push_back({out.args.size(), array.readOnly});
  out.args.push_back({address, 1});
  if (array.owner) out.owners.push_back(std::move(array.owner));
  if (!array.contiguous) out.strided.emplace_back(p.name, std::move(array));
  return true;
}

// A descriptor is passed as its base, sizes and strides.
bool Launcher::addDescriptor(PyObject* value, Bound& out) const {
  Ref base(PyObject_GetAttrString(value, "base")), shape(PyObject_GetAttrString(value, "shape")),
      strides(PyObject_GetAttrString(value, "strides")), block(PyObject_GetAttrString(value, "block_shape"));
  Array array;
  if (!base || !shape || !strides || !block || toArray(base.get(), array) != What::Array) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the base of a TensorDescriptor must be an array");
    return false;
  }
  out.key += static_cast<char>(kDescriptor);
  out.key += static_cast<char>(array.type);
  auto each = [&](PyObject* sequence, auto&& f) {
    Ref fast(PySequence_Fast(sequence, "the shape, strides and block_shape of a TensorDescriptor must be lists of integers"));
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
  if (out.args.size() - before == 2 * rank) return true;
  PyErr_SetString(PyExc_TypeError, "the shape, strides and block_shape of a TensorDescriptor must have the same length");
  return false;
}

bool Launcher::addValue(const Parameter& p, PyObject* value, bool part, Bound& out) const {
  DType declared = part || p.declaredPointer ? DType::None : p.declared;
  auto constant = [&] {
    out.key += static_cast<char>(kConstant);
    out.constants.push_back(value);
    return true;
  };
  if (p.isConstexpr && !part) return constant();
  if (PyList_Check(value)) {
    if (part) {
      PyErr_SetString(PyExc_TypeError, "a tuple argument cannot contain a list: write it as a tuple, or pass an array");
      return false;
    }
    PyErr_Format(PyExc_TypeError,
                 "cannot pass a list to a kernel: pass an array, such as numpy.array(%s, dtype=numpy.float32), or a tuple of numbers",
                 p.name.c_str());
    return false;
  }
  if (PyTuple_Check(value)) {
    out.key += static_cast<char>(kTuple);
    Py_ssize_t n = PySequence_Fast_GET_SIZE(value);
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!addValue(p, PySequence_Fast_GET_ITEM(value, i), true, out)) {
        out.refused.insert(0, "[" + std::to_string(i) + "]");
        return false;
      }
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
    if (overflow < 0 || PyErr_Occurred()) {
      PyErr_Clear();
      PyErr_Format(PyExc_OverflowError, "%S does not fit in 64 bits", object);
      return false;
    }
    if (isFloating(declared)) return floating(big ? static_cast<double>(bits) : static_cast<double>(n));
    out.integers.push_back({n, &p});
    if (declared != DType::None) {
      int width = bytesOf(declared) * 8;
      bool isUnsigned = declared == DType::U8 || declared == DType::U16 || declared == DType::U32 || declared == DType::U64;
      bool fits = declared == DType::I1 ? bits <= 1
                  : isUnsigned          ? !(n < 0 && !big) && (width == 64 || bits >> width == 0)
                                        : !big && (width == 64 || (n >= -(1LL << (width - 1)) && n < 1LL << (width - 1)));
      if (!fits) {
        PyErr_Format(PyExc_OverflowError, "%S does not fit in %s, the declared type of the parameter", object, nameOf(declared));
        return false;
      }
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
    if (declared != DType::None && !isFloating(declared)) {
      PyErr_Format(PyExc_TypeError, "the parameter is declared as %s, but got the float %R: pass int(%s)", nameOf(declared), value,
                   p.name.c_str());
      return false;
    }
    return floating(PyFloat_AS_DOUBLE(value));
  }
  if (value == Py_None) {
    out.key += static_cast<char>(kNone);
    return true;
  }
  Array array;
  switch (toArray(value, array)) {
    case What::Array: return addArray(p, value, std::move(array), out);
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

bool Launcher::add(const Parameter& p, PyObject* value, Bound& out) const {
  return addValue(p, value, false, out) || nameRefused(p, std::exchange(out.refused, {}));
}

namespace {

// The integers in a constexpr: itself, or the items of a tuple.
void integersOf(PyObject* value, const Parameter& p, std::vector<Bound::Integer>& out) {
  if (constexprType() && Py_TYPE(value) == constexprType()) {
    Ref inner(PyObject_GetAttr(value, names().value));
    if (inner) integersOf(inner.get(), p, out);
  } else if (PyTuple_Check(value) || PyList_Check(value)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i) integersOf(PySequence_Fast_GET_ITEM(value, i), p, out);
  } else if (PyLong_Check(value) && !PyBool_Check(value)) {
    int overflow;
    out.push_back({PyLong_AsLongLongAndOverflow(value, &overflow), &p});
  }
}

// Returns whether the name of a parameter suggests a stride: x_stride, stride_am, ldb.
bool namesStride(const Parameter& p) {
  std::string lower = p.name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.find("stride") != std::string::npos || lower.find("pitch") != std::string::npos || lower.starts_with("ld");
}

}  // namespace

// A kernel that does not receive the strides of a non-contiguous array would read the wrong elements.
bool Launcher::checkStrides(const Bound& bound) {
  std::vector<Bound::Integer> known = bound.integers;
  for (size_t k = 0; k < parameters_.size(); ++k)
    if (parameters_[k].isConstexpr) integersOf(bound.values[k], parameters_[k], known);
  auto passed = [&](int64_t value, bool asStride) {
    return std::count_if(known.begin(), known.end(), [&](auto& i) { return i.value == value && (!asStride || namesStride(*i.parameter)); });
  };
  for (auto& [name, array] : bound.strided) {
    std::vector<size_t> axes;  // axes with more than one element
    for (size_t d = 0; d < array.shape.size(); ++d)
      if (array.shape[d] > 1) axes.push_back(d);
    if (axes.empty()) continue;
    // Detects strides in bytes, as in NumPy, passed one after the other. Constexprs and the sizes of the array do not count.
    int64_t bytes = bytesOf(array.type);
    auto isSize = [&](int64_t n) { return std::find(array.shape.begin(), array.shape.end(), n) != array.shape.end(); };
    bool allSizes = std::all_of(array.strides.begin(), array.strides.end(), [&](int64_t stride) { return isSize(stride * bytes); });
    auto inBytes = [&](const Bound::Integer& i, int64_t stride) { return i.value == stride * bytes; };
    if (bytes > 1 && array.strides.size() > 1 && !allSizes &&
        std::search(bound.integers.begin(), bound.integers.end(), array.strides.begin(), array.strides.end(), inBytes) !=
            bound.integers.end() &&
        std::search(known.begin(), known.end(), array.strides.begin(), array.strides.end(),
                    [](auto& i, int64_t stride) { return i.value == stride; }) == known.end()) {
      PyErr_Format(PyExc_ValueError, "`%s`: the launch passes its strides in bytes, but kernels count elements: divide them by %lld",
                   name.c_str(), static_cast<long long>(bytes));
      return false;
    }
    // A kernel that only receives the stride of rows assumes that columns are contiguous.
    bool permuted =
        array.strides[axes.back()] != 1 && std::any_of(axes.begin(), axes.end(), [&](size_t d) { return array.strides[d] == 1; });
    bool sure = !permuted || passed(1, true);
    size_t unclear = axes.back();
    for (size_t k = 0; k < axes.size(); ++k) {
      size_t d = axes[k];
      int64_t stride = array.strides[d];
      // If the array has no gaps, this stride follows from the next axis.
      if (stride == 1 || passed(stride, true) || (k + 1 < axes.size() && stride == array.shape[axes[k + 1]] * array.strides[axes[k + 1]]))
        continue;
      int64_t times = passed(stride, false);
      auto size = std::find(array.shape.begin(), array.shape.end(), stride);
      if (times > (size != array.shape.end())) {
        sure = false;
        unclear = d;
        continue;
      }
      std::string why;
      auto asBytes = std::find_if(known.begin(), known.end(),
                                  [&](auto& i) { return bytes > 1 && i.value == stride * bytes && namesStride(*i.parameter); });
      if (times)
        why = " (the argument " + std::to_string(stride) + " is the size of axis " + std::to_string(size - array.shape.begin()) + ")";
      else if (asBytes != known.end())
        why = " (`" + asBytes->parameter->name + "` is " + std::to_string(stride * bytes) + ", the stride in bytes)";
      PyErr_Format(
          PyExc_ValueError,
          "`%s` is not contiguous, and no argument is its stride along axis %zu, which is %lld elements%s: pass the stride, or pass "
          "numpy.ascontiguousarray(%s)",
          name.c_str(), d, static_cast<long long>(stride), why.c_str(), name.c_str());
      return false;
    }
    if (sure || !warned_.insert(name).second) continue;
    std::string strides;
    for (int64_t s : array.strides) strides += (strides.empty() ? "" : ", ") + std::to_string(s);
    if (PyErr_WarnFormat(PyExc_UserWarning, 1,
                         "`%s` is not contiguous: its strides are (%s). No parameter with `stride` in its name gets the stride of axis %zu "
                         "(%lld), so the kernel may read the wrong elements",
                         name.c_str(), strides.c_str(), unclear, static_cast<long long>(array.strides[unclear])) < 0)
      return false;
  }
  return true;
}

// For contiguous arrays, detects strides in bytes, as NumPy counts them: they would lead outside the array.
bool Launcher::checkByteStrides(const Bound& bound) const {
  std::vector<Bound::Integer> known = bound.integers;
  for (size_t k = 0; k < parameters_.size(); ++k)
    if (parameters_[k].isConstexpr) integersOf(bound.values[k], parameters_[k], known);
  std::erase_if(known, [](auto& i) { return !namesStride(*i.parameter); });
  if (known.empty()) return true;
  std::vector<std::pair<const Parameter*, Array>> arrays;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Array array;
    if (!parameters_[k].isConstexpr && toShapedArray(bound.values[k], array) == What::Array)
      arrays.emplace_back(&parameters_[k], std::move(array));
    PyErr_Clear();
  }
  for (auto& [parameter, array] : arrays) {
    if (array.shape.size() < 2 || array.shape[0] == 1) continue;
    int64_t stride = array.strides[0], inBytes = stride * bytesOf(array.type);
    auto isStrideOf = [&](auto& other) { return std::count(other.second.strides.begin(), other.second.strides.end(), inBytes) > 0; };
    if (stride <= 1 || inBytes == stride || std::any_of(arrays.begin(), arrays.end(), isStrideOf)) continue;
    if (std::any_of(known.begin(), known.end(), [&](auto& i) { return i.value == stride; })) continue;
    for (auto& i : known)
      if (i.value == inBytes) {
        PyErr_Format(PyExc_ValueError, "`%s`: %lld is a stride of `%s` in bytes, but kernels count elements: pass %lld",
                     i.parameter->name.c_str(), static_cast<long long>(inBytes), parameter->name.c_str(), static_cast<long long>(stride));
        return false;
      }
  }
  return true;
}

bool Launcher::checkCall(PyObject* const* args, size_t count, PyObject* keywords) {
  Bound bound;
  if (!match(args, count, keywords, bound)) return false;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (!add(parameters_[i], bound.values[i], bound)) return false;
  return (bound.strided.empty() || checkStrides(bound)) && checkByteStrides(bound);
}

namespace {

// Returns the current binding of a name (a borrowed reference), or null if it is unbound.
PyObject* boundNow(PyObject* holder, PyObject* name) { return PyCell_Check(holder) ? PyCell_GET(holder) : PyDict_GetItem(holder, name); }

}  // namespace

bool Launcher::refresh(PyObject* self) {
  bool redefined = false;
  for (const Watched& w : watched_) redefined |= w.redefinable && boundNow(w.holder.get(), w.name.get()) != w.value.get();
  if (!redefined) return true;
  watched_.clear();
  variants_.clear();
  Ref done(PyObject_CallMethodNoArgs(self, names().redefined));
  return static_cast<bool>(done);
}

bool Launcher::checkWatched() const {
  for (const Watched& w : watched_) {
    PyObject* now = boundNow(w.holder.get(), w.name.get());
    if (w.redefinable || now == w.value.get() || (now && sameConstant(now, w.value.get()))) continue;
    PyErr_Format(PyExc_RuntimeError,
                 "the global `%U` has changed since %s was compiled, from %R to %R: pass it as a tl.constexpr parameter instead",
                 w.name.get(), shown().c_str(), w.value.get(), now ? now : Py_None);
    return false;
  }
  return true;
}

// ---- signatures, for the front-end

bool Launcher::itemOf(const Parameter& p, PyObject* value, bool part, std::string& out) const {
  DType declared = part ? DType::None : p.declared;
  if (PyTuple_Check(value) || PyList_Check(value)) {
    out += "(";
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i) {
      if (!itemOf(p, PySequence_Fast_GET_ITEM(value, i), true, out)) return false;
      out += ",";
    }
    out += ")";
    return true;
  }
  Bound bound;
  if (!addValue(p, value, part, bound)) return nameRefused(p, bound.refused);
  auto kind = static_cast<uint8_t>(bound.key[0]);
  bool aligned = bound.key.size() > 1 && bound.key[1] == kAligned;
  const char* hint = aligned ? ":16" : "";
  switch (kind) {
    case kNone: out += "None"; return true;
    case kOne: out += "1"; return true;
    case kInt: out += std::string(declared != DType::None ? nameOf(declared) : "i32") + hint; return true;
    case kIntI64: out += std::string("i64") + hint; return true;
    case kIntUnsigned64: out += std::string("u64") + hint; return true;
    case kFloat: out += isFloating(declared) ? nameOf(declared) : "fp32"; return true;
    case kBool: out += "i1"; return true;
    case kConstant: {
      if (!part) return true;
      Ref literal(PyObject_Repr(value));
      const char* text = literal ? PyUnicode_AsUTF8(literal.get()) : nullptr;
      if (text) out += text;
      return text;
    }
    case kDescriptor: {
      out += std::string("tensordesc<") + nameOf(static_cast<DType>(bound.key[1])) + "[";
      for (size_t at = 2; at + 8 < bound.key.size(); at += 8) {
        int64_t n;
        std::memcpy(&n, bound.key.data() + at, sizeof n);
        out += (at > 2 ? "," : "") + std::to_string(n);
      }
      out += "]>";
      return true;
    }
    default: out += std::string("*") + nameOf(static_cast<DType>(kind - kArray)) + hint; return true;
  }
}

bool Launcher::describe(PyObject* const* args, size_t count, PyObject* keywords, std::vector<std::string>& signature, Ref& constants,
                        Bound& bound) {
  if (!match(args, count, keywords, bound)) return false;
  constants = Ref(PyDict_New());
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    if (!add(p, bound.values[i], bound)) return false;
    std::string& item = signature.emplace_back();
    if (p.isConstexpr) {
      if (PyDict_SetItem(constants.get(), p.key.get(), bound.values[i]) < 0) return false;
      continue;
    }
    if (!itemOf(p, bound.values[i], false, item)) return false;
    if (item.empty() && PyDict_SetItem(constants.get(), p.key.get(), bound.values[i]) < 0) return false;
  }
  return true;
}

// ---- launches

std::shared_ptr<Launcher::Variant> Launcher::find(PyObject* self, const Bound& bound, PyObject* const* args, size_t count,
                                                  PyObject* keywords) {
  auto matches = [&](const Variant& v) {
    for (size_t i = 0; i < v.constants.size(); ++i)
      if (!sameConstant(v.constants[i].get(), bound.constants[i])) return false;
    return true;
  };
  // A comparison may run Python code, which may launch this kernel again.
  for (size_t i = 0;; ++i) {
    auto found = variants_.find(bound.key);
    if (found == variants_.end() || i >= found->second.size()) break;
    std::shared_ptr<Variant> v = found->second[i];
    if (matches(*v)) return v;
  }
  if (!checkByteStrides(bound)) return nullptr;
  // Compilation is implemented in Python, which has the sources and the cache.
  std::vector<std::string> signature;
  Ref constants;
  Bound again;
  if (!describe(args, count, keywords, signature, constants, again)) return nullptr;
  Ref items(PyList_New(0));
  for (const std::string& s : signature) {
    Ref item(PyUnicode_FromStringAndSize(s.data(), static_cast<Py_ssize_t>(s.size())));
    if (!item || PyList_Append(items.get(), item.get()) < 0) return nullptr;
  }
  Ref kernel(PyObject_CallMethodObjArgs(self, names().compile, items.get(), constants.get(), bound.debug ? Py_True : Py_False, nullptr));
  if (!kernel) return nullptr;
  auto variant = std::make_shared<Variant>();
  variant->kernel = nb::inst_ptr<Kernel>(nb::handle(kernel.get()));
  variant->owner = std::move(kernel);
  for (PyObject* c : bound.constants) variant->constants.push_back(Ref::to(c));
  if (variant->kernel->count() != bound.args.size()) {
    PyErr_Format(PyExc_SystemError, "the kernel was compiled for %zu arguments, but the launch has %zu", variant->kernel->count(),
                 bound.args.size());
    return nullptr;
  }
  return variants_[bound.key].emplace_back(std::move(variant));
}

PyObject* Launcher::kernelFor(PyObject* self, PyObject* const* args, size_t count, PyObject* keywords) {
  Bound bound;
  if (!match(args, count, keywords, bound)) return nullptr;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (!add(parameters_[i], bound.values[i], bound)) return nullptr;
  bound.key += bound.debug ? 'd' : '-';
  if (!refresh(self)) return nullptr;
  auto v = find(self, bound, args, count, keywords);
  if (!v) return nullptr;
  Py_INCREF(v->owner.get());
  return v->owner.get();
}

PyObject* Launcher::bind(PyObject* const* args, size_t count, PyObject* keywords) {
  Bound bound;
  if (!match(args, count, keywords, bound)) return nullptr;
  Ref all(PyDict_New());
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (PyDict_SetItem(all.get(), parameters_[i].key.get(), bound.values[i]) < 0) return nullptr;
  return all.release();
}

bool gridOf(PyObject* grid, uint32_t out[3]) {
  out[0] = out[1] = out[2] = 1;
  auto one = [&](PyObject* item, size_t k) {
    Ref index(PyIndex_Check(item) ? PyNumber_Index(item) : nullptr);
    if (!index) {
      PyErr_Clear();
      PyErr_Format(PyExc_TypeError, "the grid must be an integer or a tuple of up to three integers, but got %R%s", grid,
                   PyFloat_Check(item) ? ": divide with nereid.cdiv(n, BLOCK), which is triton.cdiv, instead of n / BLOCK" : "");
      return false;
    }
    long long n = PyLong_AsLongLong(index.get());
    if (n == -1 && PyErr_Occurred()) return false;
    if (n < 0 || n > UINT32_MAX) {
      PyErr_Format(PyExc_ValueError, "each axis of the grid must be from 0 to %u, but the grid is %R", UINT32_MAX, grid);
      return false;
    }
    out[k] = static_cast<uint32_t>(n);
    return true;
  };
  if (PyTuple_Check(grid) || PyList_Check(grid)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(grid);
    if (n < 1 || n > 3) {
      PyErr_Format(PyExc_ValueError, "the grid must have one to three axes, but got %R", grid);
      return false;
    }
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!one(PySequence_Fast_GET_ITEM(grid, i), static_cast<size_t>(i))) return false;
    return true;
  }
  return one(grid, 0);
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
    if (a.readOnly && kernel.writes(a.at)) {
      PyErr_Format(PyExc_ValueError, "`%s` is read-only, but the kernel writes to it: pass a writable copy, such as numpy.array(%s)",
                   kernel.parameter(a.at).c_str(), kernel.parameter(a.at).c_str());
      return false;
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

PyObject* Launcher::call(PyObject* self, PyObject* grid, PyObject* const* args, size_t count, PyObject* keywords) {
  if (slow || hooks) {
    Ref positional(PyTuple_New(static_cast<Py_ssize_t>(count))), named(PyDict_New());
    for (size_t i = 0; i < count; ++i) PyTuple_SET_ITEM(positional.get(), static_cast<Py_ssize_t>(i), Ref::to(args[i]).release());
    for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); ++i)
      if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(keywords, i), args[count + static_cast<size_t>(i)]) < 0) return nullptr;
    PyDict_SetItem(named.get(), names().grid, grid);
    PyDict_SetItem(named.get(), names().warmup, Py_False);
    Ref run(PyObject_GetAttr(self, names().run));
    return run ? PyObject_Call(run.get(), positional.get(), named.get()) : nullptr;
  }
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
      bound.strided.clear();
      bound.owners.clear();
      bound.integers.clear();
      taken = nested;
    }
  } giving{bound, nested};
  if (!match(args, count, keywords, bound)) return nullptr;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (!add(parameters_[i], bound.values[i], bound)) return nullptr;
  bound.key += bound.debug ? 'd' : '-';
  if (!bound.strided.empty() && !checkStrides(bound)) return nullptr;
  if (!refresh(self)) return nullptr;
  auto variant = find(self, bound, args, count, keywords);
  if (!variant || !checkWatched()) return nullptr;
  const Kernel& kernel = *variant->kernel;
  Ref computed;
  if (PyCallable_Check(grid)) {
    Ref all(bind(args, count, keywords));
    if (!all) return nullptr;
    computed = Ref(PyObject_CallOneArg(grid, all.get()));
    if (!computed) return nullptr;
    grid = computed.get();
  }
  nereid_launch_options options{};
  if (!gridOf(grid, options.grid)) return nullptr;
  options.threads = threads;
  Ref held = Ref::to(variant->owner.get());
  return launch(kernel, bound, options) ? held.release() : nullptr;
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
  auto* launcher = nb::inst_ptr<Launcher>(nb::handle(b->launcher));
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

// SPDX-License-Identifier: MIT
#include "arrays.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <cstring>

namespace nereid::python {

namespace nb = nanobind;

namespace {

struct TypeRow {
  const char* name;
  const char* longName;
  int bytes;
};
constexpr TypeRow kTypes[] = {{"none", "none", 0},
                              {"i1", "bool", 1},
                              {"i8", "int8", 1},
                              {"i16", "int16", 2},
                              {"i32", "int32", 4},
                              {"i64", "int64", 8},
                              {"u8", "uint8", 1},
                              {"u16", "uint16", 2},
                              {"u32", "uint32", 4},
                              {"u64", "uint64", 8},
                              {"fp16", "float16", 2},
                              {"bf16", "bfloat16", 2},
                              {"fp32", "float32", 4},
                              {"fp64", "float64", 8},
                              {"fp8e5", "float8_e5m2", 1},
                              {"fp8e4nv", "float8_e4m3fn", 1},
                              {"fp8e4b8", "float8_e4m3fnuz", 1},
                              {"fp8e5b16", "float8_e5m2fnuz", 1},
                              {"fp8e4b15", "float8e4b15", 1}};

// The layout of the beginning of NumPy's array objects (PyArrayObject_fields), which is the same in 1.x and 2.x.
struct NumpyArray {
  PyObject_HEAD char* data;
  int nd;
  Py_ssize_t* dimensions;
  Py_ssize_t* strides;
  PyObject* base;
  PyObject* descr;
  int flags;
};
constexpr int kContiguous = 0x1, kAligned = 0x100, kWriteable = 0x400;

// Objects by address: dtypes and types, which are few. They are kept alive, so that an address identifies one object.
template <class T>
class ByAddress {
 public:
  const T* find(const void* key) const {
    for (auto& [k, v] : items_)
      if (k == key) return &v;
    return nullptr;
  }
  T add(PyObject* key, T value) {
    Py_INCREF(key);
    items_.emplace_back(key, value);
    return value;
  }

 private:
  std::vector<std::pair<const void*, T>> items_;
};

// The element type for a dtype of NumPy ("float32"), torch ("torch.float32") or a similar library.
DType dtypeOf(PyObject* dtype) {
  static auto* known = new ByAddress<DType>;
  if (const DType* found = known->find(dtype)) return *found;
  Ref name(PyObject_GetAttrString(dtype, "name"));
  if (!name) {
    PyErr_Clear();
    name = Ref(PyObject_Str(dtype));
  }
  const char* text = name ? PyUnicode_AsUTF8(name.get()) : nullptr;
  if (!text) {
    PyErr_Clear();
    return DType::None;
  }
  if (const char* dot = std::strrchr(text, '.')) text = dot + 1;
  DType type = dtypeNamed(text);
  Ref native(PyObject_GetAttrString(dtype, "isnative"));
  if (!native) PyErr_Clear();
  if (native && native.get() == Py_False) type = DType::None;
  return known->add(dtype, type);
}

PyTypeObject* numpyArrayType() {
  static PyTypeObject* type = nullptr;
  if (type) return type;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "numpy");
  if (!module) return nullptr;
  Ref found(PyObject_GetAttrString(module, "ndarray"));
  if (!found) {
    PyErr_Clear();
    return nullptr;
  }
  return type = reinterpret_cast<PyTypeObject*>(found.release());
}

What wrong(PyObject* object, const char* why) {
  PyErr_Format(PyExc_TypeError, "cannot pass this %s to a kernel: %s", Py_TYPE(object)->tp_name, why);
  return What::Error;
}

What badType(PyObject* object, PyObject* dtype) {
  PyErr_Format(PyExc_TypeError, "cannot pass this %s to a kernel: Triton has no type for its dtype %S; convert it, such as to float32",
               Py_TYPE(object)->tp_name, dtype);
  return What::Error;
}

What fromNumpy(PyObject* object, Array& out, bool shaped) {
  auto* a = reinterpret_cast<NumpyArray*>(object);
  out.data = a->data;
  out.type = dtypeOf(a->descr);
  if (out.type == DType::None) return badType(object, a->descr);
  out.readOnly = !(a->flags & kWriteable);
  out.contiguous = a->flags & kContiguous;
  if (!(a->flags & kAligned)) return wrong(object, "its elements are not aligned; pass a copy, such as numpy.array(x)");
  if (out.contiguous && !shaped) return What::Array;
  for (int d = 0; d < a->nd; ++d) {
    out.shape.push_back(a->dimensions[d]);
    out.strides.push_back(a->strides[d] / bytesOf(out.type));
  }
  return What::Array;
}

bool isTrue(PyObject* object, const char* name, bool call, bool otherwise) {
  Ref value(call ? PyObject_CallMethod(object, name, nullptr) : PyObject_GetAttrString(object, name));
  if (!value) {
    PyErr_Clear();
    return otherwise;
  }
  return PyObject_IsTrue(value.get()) == 1;
}

bool integers(PyObject* sequence, std::vector<int64_t>& out) {
  Ref fast(PySequence_Fast(sequence, "expected a sequence of integers"));
  if (!fast) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    Ref index(PyNumber_Index(PySequence_Fast_GET_ITEM(fast.get(), i)));
    if (!index) return false;
    out.push_back(PyLong_AsLongLong(index.get()));
  }
  return !PyErr_Occurred();
}

std::vector<int64_t> contiguousStrides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> out(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) out[d - 1] = out[d] * shape[d];
  return out;
}

// Reads data_ptr() and dtype, which torch's tensors and other arguments of stock Triton have.
What fromDataPtr(PyObject* object, Array& out, bool shaped) {
  static PyObject* kDataPtr = PyUnicode_InternFromString("data_ptr");
  static PyObject* kDtype = PyUnicode_InternFromString("dtype");
  if (!isTrue(object, "is_cpu", false, true)) return wrong(object, "it is not in CPU memory; copy it there, such as with x.cpu()");
  Ref address(PyObject_CallMethodNoArgs(object, kDataPtr));
  Ref dtype(address ? PyObject_GetAttr(object, kDtype) : nullptr);
  if (!dtype) return What::Error;
  out.data = reinterpret_cast<void*>(PyLong_AsUnsignedLongLong(address.get()));
  if (PyErr_Occurred()) return What::Error;
  out.type = dtypeOf(dtype.get());
  if (out.type == DType::None) return badType(object, dtype.get());
  out.contiguous = isTrue(object, "is_contiguous", true, true);
  if (out.contiguous && !shaped) return What::Array;
  Ref shape(PyObject_GetAttrString(object, "shape"));
  if (shape && shape.get() != Py_None && !integers(shape.get(), out.shape)) return What::Error;
  Ref strides(out.contiguous ? nullptr : PyObject_CallMethod(object, "stride", nullptr));
  if (strides && !integers(strides.get(), out.strides)) return What::Error;
  PyErr_Clear();
  if (out.strides.empty()) out.strides = contiguousStrides(out.shape);
  return What::Array;
}

// JAX's arrays are immutable and row-major.
What fromJax(PyObject* object, Array& out, bool shaped) {
  Ref device(PyObject_CallMethod(object, "__dlpack_device__", nullptr));
  if (!device) return What::Error;
  if (!PyTuple_Check(device.get()) || PyLong_AsLong(PyTuple_GET_ITEM(device.get(), 0)) != 1)
    return wrong(object, "it is not in CPU memory; copy it there, such as with x.cpu()");
  Ref ready(PyObject_CallMethod(object, "block_until_ready", nullptr));
  Ref address(ready ? PyObject_CallMethod(object, "unsafe_buffer_pointer", nullptr) : nullptr);
  Ref dtype(address ? PyObject_GetAttrString(object, "dtype") : nullptr);
  if (!dtype) return What::Error;
  out.data = reinterpret_cast<void*>(PyLong_AsUnsignedLongLong(address.get()));
  out.type = dtypeOf(dtype.get());
  if (out.type == DType::None) return badType(object, dtype.get());
  out.readOnly = true;
  if (!shaped) return What::Array;
  Ref shape(PyObject_GetAttrString(object, "shape"));
  if (!shape || !integers(shape.get(), out.shape)) return What::Error;
  out.strides = contiguousStrides(out.shape);
  return What::Array;
}

What fromInterface(PyObject* object, Array& out, bool shaped) {
  Ref numpy(PyImport_ImportModule("numpy"));
  Ref array(numpy ? PyObject_CallMethod(numpy.get(), "asarray", "O", object) : nullptr);
  if (!array) return What::Error;
  What what = fromNumpy(array.get(), out, shaped);
  out.owner = std::move(array);
  return what;
}

DType fromDlpackType(nb::dlpack::dtype t) {
  auto named = [](const char* family, int bits) {
    char name[16];
    std::snprintf(name, sizeof name, "%s%d", family, bits);
    return dtypeNamed(name);
  };
  if (t.lanes != 1) return DType::None;
  switch (t.code) {
    case 0: return named("i", t.bits);
    case 1: return named("u", t.bits);
    case 2: return named("fp", t.bits);
    case 4: return t.bits == 16 ? DType::BF16 : DType::None;
    case 6: return DType::I1;
    case 10: return DType::FP8E4NV;
    case 11: return DType::FP8E4B8;
    case 12: return DType::FP8E5;
    case 13: return DType::FP8E5B16;
    default: return DType::None;
  }
}

What fromDlpack(PyObject* object, Array& out, bool) {
  nb::handle handle(object);
  try {
    nb::ndarray<> writable;
    nb::ndarray<nb::ro> any;
    bool isWritable = nb::try_cast(handle, writable);
    if (!isWritable && !nb::try_cast(handle, any)) return wrong(object, "its elements are not accessible");
    auto take = [&](auto& array) {
      if (array.device_type() != nb::device::cpu::value)
        return wrong(object, "it is not in CPU memory; copy it there, such as with x.cpu()");
      out.data = const_cast<void*>(static_cast<const void*>(array.data()));
      out.type = fromDlpackType(array.dtype());
      if (out.type == DType::None) return wrong(object, "Triton has no type for its dtype; convert it, such as to float32");
      for (size_t d = 0; d < array.ndim(); ++d) {
        out.shape.push_back(static_cast<int64_t>(array.shape(d)));
        out.strides.push_back(array.stride(d));
      }
      int64_t expected = 1;
      for (size_t d = out.shape.size(); d-- > 0; expected *= out.shape[d])
        if (out.shape[d] != 1 && out.strides[d] != expected) out.contiguous = false;
      // The export owns the memory: the object may not, and may be resized once the export is released.
      auto* kept = new auto(array);
      out.owner = Ref(PyCapsule_New(kept, nullptr,
                                    [](PyObject* capsule) { delete static_cast<decltype(kept)>(PyCapsule_GetPointer(capsule, nullptr)); }));
      return out.owner ? What::Array : What::Error;
    };
    out.readOnly = !isWritable;
    return isWritable ? take(writable) : take(any);
  } catch (nb::python_error& e) {
    e.restore();
    return What::Error;
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
    return What::Error;
  }
}

using From = What (*)(PyObject*, Array&, bool);

// Returns the function that reads objects of this type, or null if they are not arrays.
From wayOf(PyObject* object) {
  static auto* known = new ByAddress<From>;
  PyTypeObject* type = Py_TYPE(object);
  if (const From* found = known->find(type)) return *found;
  auto has = [&](const char* name) {
    Ref found(PyObject_GetAttrString(object, name));
    if (!found) PyErr_Clear();
    return static_cast<bool>(found);
  };
  From way = nullptr;
  PyTypeObject* numpy = numpyArrayType();
  if (numpy && PyType_IsSubtype(type, numpy))
    way = fromNumpy;
  else if (has("data_ptr") && has("dtype"))
    way = fromDataPtr;
  else if (has("unsafe_buffer_pointer") && has("block_until_ready"))
    way = fromJax;
  else if (has("__array_interface__") && !PyNumber_Check(object))
    way = fromInterface;
  else if (has("__dlpack__") || (PyObject_CheckBuffer(object) && !PyBytes_Check(object) && !PyNumber_Check(object)))
    way = fromDlpack;  // this also reads what memoryview reads
  else if (has("__array_interface__") && has("__len__"))
    way = fromInterface;
  // Users may define many types, so types that are not arrays are not cached.
  if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || way) known->add(reinterpret_cast<PyObject*>(type), way);
  return way;
}

}  // namespace

const char* nameOf(DType type) { return kTypes[static_cast<int>(type)].name; }
const char* longNameOf(DType type) { return kTypes[static_cast<int>(type)].longName; }
int bytesOf(DType type) { return kTypes[static_cast<int>(type)].bytes; }

uint64_t encode(double value, DType type) {
  uint64_t bits = 0;
  if (type == DType::FP64) {
    std::memcpy(&bits, &value, 8);
  } else if (type == DType::FP16) {
    // Rounding to nearest twice could be off by one, so this does not go through float.
    char bytes[2];
    if (std::fabs(value) >= 65520) value = std::copysign(HUGE_VAL, value);
    PyFloat_Pack2(value, bytes, 1);
    std::memcpy(&bits, bytes, 2);
  } else {
    auto single = static_cast<float>(value);
    uint32_t word;
    std::memcpy(&word, &single, 4);
    bits = word;
    if (type == DType::BF16) bits = std::isnan(single) ? word >> 16 | 0x40 : (word + 0x7FFF + (word >> 16 & 1)) >> 16;
  }
  return bits;
}

DType dtypeNamed(const char* name) {
  for (size_t i = 1; i < std::size(kTypes); ++i)
    if (!std::strcmp(kTypes[i].name, name) || !std::strcmp(kTypes[i].longName, name)) return static_cast<DType>(i);
  if (!std::strcmp(name, "u1") || !std::strcmp(name, "int1")) return DType::I1;
  return DType::None;
}

What toArray(PyObject* object, Array& out) {
  From way = wayOf(object);
  return way ? way(object, out, false) : What::Nothing;
}

What toShapedArray(PyObject* object, Array& out) {
  From way = wayOf(object);
  return way ? way(object, out, true) : What::Nothing;
}

}  // namespace nereid::python

// SPDX-License-Identifier: MIT
#include "plugin.h"

#include <nanobind/nanobind.h>

#include <cstring>

namespace nereid::python {

namespace nb = nanobind;

PyObject* dtypeName(DType type) {
  static PyObject* names[32] = {};
  PyObject*& name = names[static_cast<int>(type)];
  if (!name) name = PyUnicode_InternFromString(longNameOf(type));
  return name;
}

namespace {

// A new reference to the object, or to a wrapper for it.
PyObject* wrapOne(PyObject* value) {
  static PyObject* kDataPtr = PyUnicode_InternFromString("data_ptr");
  if (PyLong_Check(value) || PyFloat_Check(value) || value == Py_None || PyUnicode_Check(value)) return Ref::to(value).release();
  if (PyTuple_CheckExact(value)) {
    Ref out(PyTuple_New(PyTuple_GET_SIZE(value)));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i) {
      PyObject* item = wrapOne(PyTuple_GET_ITEM(value, i));
      if (!item) return nullptr;
      PyTuple_SET_ITEM(out.get(), i, item);
    }
    return out.release();
  }
  static PyTypeObject* kWrapped = reinterpret_cast<PyTypeObject*>(nb::type<Wrapped>().ptr());
  if (Py_TYPE(value) == kWrapped) return Ref::to(value).release();
  Wrapped wrapped;
  switch (toArray(value, wrapped.array)) {
    case What::Error: return nullptr;
    case What::Nothing: break;
    case What::Array: {
      if (PyObject_HasAttr(value, kDataPtr)) return Ref::to(value).release();
      wrapped.object = Ref::to(value);
      return nb::cast(std::move(wrapped)).release().ptr();
    }
  }
  // Scalars of NumPy.
  if (PyIndex_Check(value) && !std::strncmp(Py_TYPE(value)->tp_name, "numpy.", 6)) return PyNumber_Index(value);
  return Ref::to(value).release();
}

Slot slotOf(nb::handle item) {
  Slot slot;
  if (nb::isinstance<nb::tuple>(item)) {
    slot.kind = Slot::Tuple;
    for (nb::handle part : nb::borrow<nb::tuple>(item)) slot.parts.push_back(slotOf(part));
    return slot;
  }
  std::string text = nb::str(item).c_str();
  if (text == "constexpr") return slot;
  if (text.starts_with("tensordesc")) {
    slot.kind = Slot::Descriptor;
    return slot;
  }
  slot.kind = text.starts_with('*') ? Slot::Pointer : Slot::Scalar;
  slot.type = dtypeNamed(text.c_str());
  if (slot.kind == Slot::Scalar && slot.type == DType::None)
    throw nb::type_error(("a kernel argument cannot have the type " + text).c_str());
  return slot;
}

}  // namespace

PyObject* wrapAll(PyObject* values) {
  if (PyTuple_Check(values)) return wrapOne(values);
  Ref out(PyDict_New());
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(values, &at, &key, &value)) {
    Ref item(wrapOne(value));
    if (!item || PyDict_SetItem(out.get(), key, item.get()) < 0) return nullptr;
  }
  return out.release();
}

bool PluginLaunch::checks = false;

PluginLaunch::PluginLaunch(PyObject* signature, PyObject* load, PyObject* checked) : load_(Ref::to(load)), checked_(Ref::to(checked)) {
  for (nb::handle item : nb::handle(signature)) slots_.push_back(slotOf(item));
}

bool PluginLaunch::add(const Slot& slot, PyObject* value, Bound& bound, std::string& padding) const {
  switch (slot.kind) {
    case Slot::Constant: return true;
    case Slot::Tuple: {
      Ref items(PySequence_Fast(value, "expected a tuple"));
      if (!items) return false;
      for (size_t i = 0; i < slot.parts.size() && i < static_cast<size_t>(PySequence_Fast_GET_SIZE(items.get())); ++i)
        if (!add(slot.parts[i], PySequence_Fast_GET_ITEM(items.get(), static_cast<Py_ssize_t>(i)), bound, padding)) return false;
      return true;
    }
    case Slot::Pointer: {
      if (Wrapped* w; nb::try_cast(nb::handle(value), w) && w) {
        bound.arrays.push_back({bound.args.size(), w->array.readOnly});
        bound.args.push_back({reinterpret_cast<uintptr_t>(w->array.data), 1});
        return true;
      }
      Array array;
      What what = value == Py_None ? What::Nothing : toArray(value, array);
      if (what == What::Error) return false;
      if (what == What::Nothing && value != Py_None) {
        if (PyLong_Check(value)) {  // an address
          bound.args.push_back({PyLong_AsUnsignedLongLongMask(value), 1});
          return true;
        }
        PyErr_Format(PyExc_TypeError, "a pointer argument of a kernel cannot be a %s", Py_TYPE(value)->tp_name);
        return false;
      }
      bound.arrays.push_back({bound.args.size(), array.readOnly});
      bound.args.push_back({reinterpret_cast<uintptr_t>(array.data), 1});
      if (array.owner) bound.owners.push_back(std::move(array.owner));
      return true;
    }
    case Slot::Scalar: {
      if (slot.type == DType::FP16 || slot.type == DType::BF16 || slot.type == DType::FP32 || slot.type == DType::FP64) {
        double number = PyFloat_AsDouble(value);
        if (number == -1 && PyErr_Occurred()) return false;
        bound.args.push_back({encode(number, slot.type), 0});
        return true;
      }
      Ref index(PyNumber_Index(value));
      if (!index) return false;
      bound.args.push_back({PyLong_AsUnsignedLongLongMask(index.get()), 0});
      return !PyErr_Occurred();
    }
    case Slot::Descriptor: {
      Ref base(PyObject_GetAttrString(value, "base")), shape(PyObject_GetAttrString(value, "shape")),
          strides(PyObject_GetAttrString(value, "strides"));
      if (!base || !shape || !strides) return false;
      Ref named(PyObject_GetAttrString(value, "padding"));
      if (!named) PyErr_Clear();
      padding += named && PyUnicode_Check(named.get()) && PyUnicode_CompareWithASCIIString(named.get(), "nan") == 0 ? 'n' : 'z';
      Slot pointer, number;
      pointer.kind = Slot::Pointer;
      number.kind = Slot::Scalar;
      number.type = DType::I64;
      if (!add(pointer, base.get(), bound, padding)) return false;
      bound.owners.push_back(std::move(base));
      for (PyObject* list : {shape.get(), strides.get()}) {
        Ref items(PySequence_Fast(list, "a descriptor's shapes are sequences"));
        if (!items) return false;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i)
          if (!add(number, PySequence_Fast_GET_ITEM(items.get(), i), bound, padding)) return false;
      }
      return true;
    }
  }
  return false;
}

PyObject* PluginLaunch::call(PyObject* const* args, size_t count) const {
  constexpr size_t kBefore = 9;  // number of arguments before the kernel's
  if (count != kBefore + slots_.size()) {
    PyErr_Format(PyExc_TypeError, "a launch of this kernel takes %zu arguments, but got %zu", kBefore + slots_.size(), count);
    return nullptr;
  }
  nereid_launch_options options{};
  for (size_t k = 0; k < 3; ++k) {
    long long n = PyLong_AsLongLong(args[k]);
    if (n == -1 && PyErr_Occurred()) return nullptr;
    if (n < 0 || n > UINT32_MAX) {
      PyErr_Format(PyExc_ValueError, "each axis of the grid must be from 0 to %u (got %lld)", UINT32_MAX, n);
      return nullptr;
    }
    options.grid[k] = static_cast<uint32_t>(n);
  }
  Bound bound;
  std::string padding;
  for (size_t k = 0; k < slots_.size(); ++k)
    if (!add(slots_[k], args[kBefore + k], bound, padding)) return nullptr;
  Ref loaded;
  PyObject* function = args[4];
  if (bool padsNan = padding.find('n') != std::string::npos; function == Py_None || padsNan) {
    loaded = Ref(padsNan ? PyObject_CallFunction(load_.get(), "s", padding.c_str()) : PyObject_CallNoArgs(load_.get()));
    if (!loaded) return nullptr;
    function = loaded.get();
  }
  Kernel* kernel = nullptr;
  if (!nb::try_cast(nb::handle(function), kernel) || !kernel) {
    PyErr_SetString(PyExc_TypeError, "expected a kernel of Nereid");
    return nullptr;
  }
  if (bound.args.size() != kernel->count()) {
    PyErr_Format(PyExc_SystemError, "the kernel was compiled for %zu arguments, but the launch has %zu", kernel->count(),
                 bound.args.size());
    return nullptr;
  }
  auto hook = [&](PyObject* f) { return f == Py_None || static_cast<bool>(Ref(PyObject_CallOneArg(f, args[6]))); };
  auto checkedLaunch = [&] {
    Ref bits(PyList_New(0)), values(PyTuple_New(static_cast<Py_ssize_t>(slots_.size())));
    for (auto& arg : bound.args) {
      Ref number(PyLong_FromUnsignedLongLong(arg.bits));
      if (!number || PyList_Append(bits.get(), number.get()) < 0) return false;
    }
    for (size_t k = 0; k < slots_.size(); ++k)
      PyTuple_SET_ITEM(values.get(), static_cast<Py_ssize_t>(k), Ref::to(args[kBefore + k]).release());
    bool padsNan = padding.find('n') != std::string::npos;
    return static_cast<bool>(Ref(PyObject_CallFunction(checked_.get(), "s(III)OO", padsNan ? padding.c_str() : "", options.grid[0],
                                                       options.grid[1], options.grid[2], bits.get(), values.get())));
  };
  if (!hook(args[7]) || !(checks ? checkedLaunch() : launch(*kernel, bound, options)) || !hook(args[8])) return nullptr;
  Py_RETURN_NONE;
}

}  // namespace nereid::python

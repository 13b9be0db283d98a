// SPDX-License-Identifier: MIT
// The module nereid._native: the C interface for Python, and launches. The package python/nereid wraps it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>

#include "jax.h"
#include "plugin.h"
#include "tool.h"

namespace nb = nanobind;
using namespace nereid::python;

namespace {

using File = std::tuple<std::string, std::string, std::string>;  // path, text, the path shown in messages

// A request, and the objects to which its pointers refer.
class Request {
 public:
  Request(std::string path, std::vector<File> files, std::string kernel, std::vector<std::string> signature, nb::dict constants,
          std::string target, bool debug, nb::object print, nb::object python, std::string schedule)
      : path_(std::move(path)),
        kernel_(std::move(kernel)),
        target_(std::move(target)),
        schedule_(std::move(schedule)),
        given_(std::move(files)),
        signature_(std::move(signature)),
        print_(std::move(print)),
        python_(std::move(python)) {
    for (auto [name, value] : constants) constants_.emplace_back(nb::cast<std::string>(name), nb::cast<std::string>(value));
    for (auto& [p, text, shown] : given_) files_.push_back({p.c_str(), text.c_str(), shown.empty() ? nullptr : shown.c_str()});
    for (auto& s : signature_) items_.push_back(s.c_str());
    for (auto& [name, value] : constants_) {
      names_.push_back(name.c_str());
      values_.push_back(value.c_str());
    }
    request_.path = path_.c_str();
    request_.kernel = kernel_.empty() ? nullptr : kernel_.c_str();
    request_.signature = items_.data();
    request_.signature_size = items_.size();
    request_.constant_names = names_.data();
    request_.constant_values = values_.data();
    request_.constants_size = names_.size();
    request_.target = target_.c_str();
    request_.debug = debug;
    request_.schedule = schedule_.empty() ? nullptr : schedule_.c_str();
    request_.files = files_.data();
    request_.files_size = files_.size();
    request_.diagnostics = &diagnostics_;
    request_.user = this;
    if (!python_.is_none()) request_.python = ask;
    if (print_.is_none()) return;
    request_.print = [](void* user, const char* text, size_t size) {
      nb::gil_scoped_acquire held;
      auto* self = static_cast<Request*>(user);
      Ref done(PyObject_CallFunction(self->print_.ptr(), "s#", text, static_cast<Py_ssize_t>(size)));
      if (!done) PyErr_WriteUnraisable(self->print_.ptr());
    };
  }

  // Calls the C interface without the GIL, and raises its errors.
  template <class F>
  void run(F&& f) {
    nereid_text error{};
    nereid_status status;
    {
      nb::gil_scoped_release released;
      status = f(&request_, &error);
    }
    if (status == NEREID_OK) return;
    if (stopped_) {  // by an exception of a constexpr function that is not an error of the kernel: Ctrl-C, sys.exit
      nereid_free(error);
      nereid_free(diagnostics_);
      std::rethrow_exception(stopped_);
    }
    raise(status, error, diagnostics_);
    nb::python_error raised;
    if (nb::object cause = python_.is_none() ? nb::none() : nb::object(python_.attr("error")); !cause.is_none())
      PyException_SetCause(raised.value().ptr(), cause.release().ptr());
    throw raised;
  }

 private:
  // Evaluates an expression in Python: python(expression) returns whether it has a value, and the text of the value or of the exception.
  static int ask(void* user, const char* expression, size_t size, void (*answer)(void* to, const char* text, size_t size), void* to) {
    nb::gil_scoped_acquire held;
    auto* self = static_cast<Request*>(user);
    Ref result(self->stopped_ ? nullptr : PyObject_CallFunction(self->python_.ptr(), "s#", expression, static_cast<Py_ssize_t>(size)));
    int good = 0;
    const char* text = nullptr;
    Py_ssize_t length = 0;
    if (result && PyArg_ParseTuple(result.get(), "ps#", &good, &text, &length)) {
      answer(to, text, static_cast<size_t>(length));
      return good;
    }
    if (PyErr_Occurred()) self->stopped_ = std::make_exception_ptr(nb::python_error());
    return 0;
  }

  std::string path_, kernel_, target_, schedule_;
  std::vector<File> given_;
  std::vector<std::string> signature_;
  nb::object print_, python_;
  std::exception_ptr stopped_;
  std::vector<std::pair<std::string, std::string>> constants_;
  std::vector<nereid_file> files_;
  std::vector<const char*> items_, names_, values_;
  nereid_request request_{};
  nereid_text diagnostics_{};
};

std::string take(nereid_text text) {
  std::string out(text.data ? text.data : "", text.size);
  nereid_free(text);
  return out;
}

template <class F>
nb::object checked(F&& f) {
  PyObject* out = f();
  if (!out) throw nb::python_error();
  return nb::steal(out);
}

// The arguments of a Python call, as vectorcall passes them.
struct Arguments {
  Arguments(nb::args args, nb::kwargs kwargs) {
    for (nb::handle a : args) values.push_back(a.ptr());
    count = values.size();
    names = Ref(PyTuple_New(static_cast<Py_ssize_t>(kwargs.size())));
    Py_ssize_t k = 0;
    for (auto [name, value] : kwargs) {
      PyTuple_SET_ITEM(names.get(), k++, Ref::to(name.ptr()).release());
      values.push_back(value.ptr());
    }
  }
  std::vector<PyObject*> values;
  size_t count = 0;
  Ref names;
};

// Launches on any target, with checks. `args` are objects as in a launch, in the order of the kernel's parameters. `shapes` has for each
// array (base, bytes, bytes per element, shape, strides, whether it is known to be written), for messages; None for scalars.
using Shape = std::tuple<uint64_t, uint64_t, uint32_t, std::vector<int64_t>, std::vector<int64_t>, bool>;
std::vector<double> launchSlowly(const Kernel& kernel, nb::object grid, std::vector<std::tuple<uint64_t, uint64_t>> args, bool bounds,
                                 bool races, int threads, int runs, nb::object print, std::vector<std::optional<Shape>> shapes,
                                 nb::object unwritten) {
  nereid_launch_options options{};
  if (!gridOf(grid.ptr(), options.grid)) throw nb::python_error();
  options.check_bounds = bounds;
  options.check_races = races;
  options.threads = threads;
  std::vector<double> times(static_cast<size_t>(std::max(runs, 0)));
  options.microseconds = runs > 0 ? times.data() : nullptr;
  options.runs = runs;
  struct Caller {
    nb::object &print, &unwritten;
    Signals signals;
  } caller{print, unwritten, {}};
  options.user = &caller;
  options.interrupted = [](void* user) { return static_cast<Caller*>(user)->signals.check(); };
  if (!print.is_none()) {
    options.print = [](void* user, const char* line, size_t size) {
      nb::gil_scoped_acquire held;
      Ref done(PyObject_CallFunction(static_cast<Caller*>(user)->print.ptr(), "s#", line, static_cast<Py_ssize_t>(size)));
      if (!done) PyErr_WriteUnraisable(nullptr);
    };
  }
  std::vector<nereid_array> arrays;
  for (auto& s : shapes) {
    nereid_array& a = arrays.emplace_back();
    if (!s) continue;
    auto& [base, bytes, elementBytes, shape, strides, written] = *s;
    a = {base, bytes, elementBytes, static_cast<uint32_t>(shape.size()), shape.data(), strides.data(), written};
  }
  if (arrays.size() == args.size()) options.arrays = arrays.data();
  if (!unwritten.is_none()) {
    options.unwritten = [](void* user, const char* line, size_t size) {
      nb::gil_scoped_acquire held;
      Ref done(PyObject_CallFunction(static_cast<Caller*>(user)->unwritten.ptr(), "s#", line, static_cast<Py_ssize_t>(size)));
      if (!done) PyErr_WriteUnraisable(nullptr);
    };
  }
  std::vector<nereid_arg> all;
  for (auto& [bits, bytes] : args) all.push_back({bits, bytes});
  nereid_text error{};
  nereid_status status;
  {
    nb::gil_scoped_release released;
    status = nereid_launch(kernel.get(), all.data(), all.size(), &options, &error);
  }
  if (status == NEREID_OK) return times;
  if (status == NEREID_INTERRUPTED) {
    nereid_free(error);
    caller.signals.restore();
  } else {
    raise(status, error);
  }
  throw nb::python_error();
}

PyObject* subscript(PyObject* self, PyObject* grid) { return newBound(self, grid); }

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "The compiler and launches, for nereid's own modules.";
  nb::set_leak_warnings(false);  // kernels live as long as the modules that define them
  compileError = nb::steal(PyErr_NewException("nereid._native.CompileErrorBase", PyExc_Exception, nullptr)).release().ptr();
  m.attr("CompileErrorBase") = nb::borrow(compileError);
  if (!makeBoundType()) throw nb::python_error();
  m.def(
      "run_tool",
      [](std::vector<std::string> words) {
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        return nereid::tool::runTool(static_cast<int>(words.size()), argv.data());
      },
      nb::call_guard<nb::gil_scoped_release>(), "runs the command `nereid` with these words, and returns its exit status");
  m.def("set_errors", [](nb::object compile, nb::object launch, nb::object internal) {
    compileError = compile.release().ptr();
    launchError = launch.release().ptr();
    internalError = internal.release().ptr();
  });

  nb::class_<Kernel>(m, "Kernel", nb::dynamic_attr())
      .def("__getitem__",
           [](nb::handle self, nb::handle grid) { return nb::module_::import_("nereid.jit").attr("_launch_compiled")(self, grid); })
      .def_prop_ro("about", &Kernel::about)
      .def_prop_ro("writes", &Kernel::writes)
      .def_prop_ro("parameters", &Kernel::parameters)
      .def("save",
           [](const Kernel& k) {
             nereid_text bytes{}, error{};
             nereid_status status = nereid_kernel_save(k.get(), &bytes, &error);
             if (status != NEREID_OK) {
               raise(status, error);
               throw nb::python_error();
             }
             nb::bytes out(bytes.data, bytes.size);
             nereid_free(bytes);
             return out;
           })
      .def("launch", launchSlowly, nb::arg("grid"), nb::arg("args"), nb::arg("check_bounds") = false, nb::arg("check_races") = false,
           nb::arg("threads") = 0, nb::arg("runs") = 0, nb::arg("print").none() = nb::none(),
           nb::arg("shapes") = std::vector<std::optional<Shape>>(), nb::arg("unwritten").none() = nb::none());

  static PyType_Slot slots[] = {{Py_mp_subscript, reinterpret_cast<void*>(subscript)}, {0, nullptr}};
  nb::class_<FastPath>(m, "FastPath", nb::type_slots(slots), nb::dynamic_attr(), nb::is_weak_referenceable())
      .def(nb::init<>())
      .def(
          "add_parameter",
          [](FastPath& l, std::string name, bool isConstexpr, bool specializes, bool aligns, std::string declared, nb::object defaultValue,
             bool hasDefault) {
            l.addParameter(std::move(name), isConstexpr, specializes, aligns, declared, hasDefault ? defaultValue.ptr() : nullptr);
          },
          nb::arg("name"), nb::arg("is_constexpr"), nb::arg("specializes"), nb::arg("aligns"), nb::arg("declared"),
          nb::arg("default").none(), nb::arg("has_default"))
      .def("forget", &FastPath::forget)
      .def("unwatch", &FastPath::unwatch)
      .def("watch", [](FastPath& l, nb::object holder, nb::str name, nb::object value,
                       bool redefinable) { l.watch(holder.ptr(), name.ptr(), value.ptr(), redefinable); })
      .def_rw("slow", &FastPath::slow)
      .def_rw("debug", &FastPath::debug)
      .def_rw("threads", &FastPath::threads);

  nb::class_<Wrapped>(m, "Wrapped")
      .def("data_ptr", [](const Wrapped& w) { return reinterpret_cast<uintptr_t>(w.array.data); })
      .def_prop_ro("dtype", [](const Wrapped& w) { return nb::borrow(dtypeName(w.array.type)); })
      .def_prop_ro("array", [](const Wrapped& w) { return nb::borrow(w.object.get()); })
      .def("__getattr__",
           [](const Wrapped& w, nb::handle name) { return checked([&] { return PyObject_GetAttr(w.object.get(), name.ptr()); }); });
  m.def("wrap", [](nb::handle values) { return checked([&] { return wrapAll(values.ptr()); }); });
  nb::class_<PluginLaunch>(m, "PluginLaunch")
      .def("__init__", [](PluginLaunch* self, nb::handle signature, nb::handle load,
                          nb::handle checked) { new (self) PluginLaunch(signature.ptr(), load.ptr(), checked.ptr()); })
      .def("__call__", [](const PluginLaunch& l, nb::args args) {
        return checked([&] { return l.call(&PyTuple_GET_ITEM(args.ptr(), 0), args.size()); });
      });

#define REQUEST_ARGS                                                                                                                    \
  nb::arg("path"), nb::arg("files"), nb::arg("kernel"), nb::arg("signature"), nb::arg("constants"),                                     \
      nb::arg("target") = "cpu", nb::arg("debug") = false, nb::arg("print").none() = nb::none(), nb::arg("python").none() = nb::none(), \
      nb::arg("schedule") = ""
#define REQUEST_PARAMETERS                                                                                               \
  std::string path, std::vector<File> files, std::string kernel, std::vector<std::string> signature, nb::dict constants, \
      std::string target, bool debug, nb::object print, nb::object python, std::string schedule
#define REQUEST                                                                                                                           \
  Request request(std::move(path), std::move(files), std::move(kernel), std::move(signature), constants, std::move(target), debug, print, \
                  python, std::move(schedule))

  m.def(
      "compile",
      [](REQUEST_PARAMETERS) {
        REQUEST;
        nereid_kernel* out = nullptr;
        request.run([&](const nereid_request* r, nereid_text* error) { return nereid_compile(r, &out, error); });
        return new Kernel(out);
      },
      REQUEST_ARGS, nb::rv_policy::take_ownership);
  m.def(
      "emit",
      [](REQUEST_PARAMETERS, const std::string& stage) {
        REQUEST;
        nereid_text out{};
        request.run([&](const nereid_request* r, nereid_text* error) { return nereid_emit(r, stage.c_str(), &out, error); });
        return take(out);
      },
      REQUEST_ARGS, nb::arg("stage") = "ttir");
  m.def(
      "describe",
      [](REQUEST_PARAMETERS) {
        REQUEST;
        nereid_text out{};
        request.run([&](const nereid_request* r, nereid_text* error) { return nereid_describe(r, &out, error); });
        return take(out);
      },
      REQUEST_ARGS);
  m.def(
      "artefacts",
      [](REQUEST_PARAMETERS, const std::string& directory) {
        REQUEST;
        nereid_text out{};
        request.run([&](const nereid_request* r, nereid_text* error) { return nereid_artefacts(r, directory.c_str(), &out, error); });
        return take(out);
      },
      REQUEST_ARGS, nb::arg("directory") = ".");

  m.def(
      "load",
      [](nb::bytes bytes) {
        nereid_kernel* out = nullptr;
        nereid_text error{};
        nereid_status status = nereid_kernel_load(bytes.c_str(), bytes.size(), &out, &error);
        if (status != NEREID_OK) {
          raise(status, error);
          throw nb::python_error();
        }
        return new Kernel(out);
      },
      nb::rv_policy::take_ownership, "a kernel from what save() gave; ValueError where it is damaged or foreign");
  m.def(
      "array",
      [](nb::handle object) -> nb::object {
        Array a;
        switch (toShapedArray(object.ptr(), a)) {
          case What::Error: throw nb::python_error();
          case What::Nothing: return nb::none();
          case What::Array: break;
        }
        uint64_t bytes = 0;
        int64_t last = 0, first = 0;
        bool empty = false;
        for (size_t d = 0; d < a.shape.size(); ++d) {
          empty |= a.shape[d] == 0;
          (a.strides[d] < 0 ? first : last) += (a.shape[d] - 1) * a.strides[d];
        }
        if (!empty) bytes = static_cast<uint64_t>(last - first + 1) * static_cast<uint64_t>(bytesOf(a.type));
        return nb::make_tuple(reinterpret_cast<uintptr_t>(a.data) + static_cast<uint64_t>(first * bytesOf(a.type)), bytes, nameOf(a.type),
                              a.readOnly, a.contiguous, a.shape, a.strides, bytesOf(a.type));
      },
      nb::arg("object").none(),
      "address, bytes, type, whether it is read-only and contiguous, shape, strides and element size in bytes of an array; None for other "
      "objects");
  m.def("set_checks", [](bool on) { PluginLaunch::checks = on; });
  m.def("set_hooks", [](bool on) { FastPath::hooks = on; });
  m.def("set_num_threads", &nereid_set_num_threads);
  m.def("get_num_threads", &nereid_num_threads);
  m.def("version", &nereid_version);
  m.def("processor", &nereid_processor);
  m.def("targets", [] { return take(nereid_targets()); });
#if NEREID_HAS_XLA
  addJax(m);
#endif
}

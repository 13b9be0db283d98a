// SPDX-License-Identifier: MIT
// kernel[grid](...): converts Python arguments to a launch. No Python code runs if the kernel is already compiled.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "arrays.h"
#include "nereid/nereid.h"

namespace nereid::python {

// A compiled kernel.
class Kernel {
 public:
  explicit Kernel(nereid_kernel* kernel);
  nereid_kernel* get() const { return kernel_.get(); }
  const std::shared_ptr<nereid_kernel>& shared() const { return kernel_; }
  const std::string& about() const { return about_; }
  size_t count() const { return writes_.size(); }
  // For each argument, its parameter and whether the kernel is known to write to it.
  const std::vector<bool>& writes() const { return writes_; }
  const std::vector<std::string>& parameters() const { return names_; }

 private:
  std::shared_ptr<nereid_kernel> kernel_;
  std::string about_;
  std::vector<bool> writes_;
  std::vector<std::string> names_;
};

struct Parameter {
  std::string name;
  Ref key;  // the interned name
  bool isConstexpr = false, specializes = true, aligns = true;
  DType declared = DType::None;  // of a scalar, or of a pointer's elements
  bool declaredPointer = false;
  Ref defaultValue;
};

// The arguments of a launch, and the key that selects the compiled kernel.
struct Bound {
  std::vector<PyObject*> values;     // one per parameter, borrowed
  std::string key;                   // two bytes per argument, and more for composite ones
  std::vector<PyObject*> constants;  // borrowed, in the order of the parameters
  std::vector<nereid_arg> args;
  struct ArrayArgument {
    size_t at;  // index in args
    bool readOnly;
  };
  std::vector<ArrayArgument> arrays;
  bool strided = false;  // an array is not contiguous
  std::string layout;    // shapes and strides of such arrays, and all integers
  std::vector<Ref> owners;
  bool debug = false;
};

// The base of _launch.Launcher, which has all rules and messages: launches without running Python where the kernel for the arguments is
// known, and otherwise calls that class.
class FastPath {
 public:
  FastPath() = default;
  FastPath(const FastPath&) = delete;
  FastPath& operator=(const FastPath&) = delete;
  void addParameter(std::string name, bool isConstexpr, bool specializes, bool aligns, const std::string& declared, PyObject* defaultValue);

  // A call with a grid. Returns null with Python's error set.
  PyObject* call(PyObject* self, PyObject* grid, PyObject* const* args, size_t count, PyObject* names);

  void forget() { variants_.clear(); }
  // `holder` is a dict, or the cell of a closure.
  void watch(PyObject* holder, PyObject* name, PyObject* value, bool redefinable) {
    watched_.push_back({Ref::to(holder), Ref::to(name), Ref::to(value), redefinable});
  }
  void unwatch() { watched_.clear(); }
  bool slow = false;  // there are hooks: launches use the method `run`
  bool debug = false;
  int threads = 0;

  static bool hooks;  // like `slow`, for all kernels

 private:
  struct Variant {
    std::vector<Ref> constants;
    Ref owner;
    const Kernel* kernel = nullptr;
    std::unordered_set<std::string> checked;  // layouts whose strides Python has checked
  };
  struct Watched {
    Ref holder, name, value;
    bool redefinable;
  };

  // These return false for arguments that the rules refuse; an error may be set.
  bool match(PyObject* const* args, size_t count, PyObject* names, Bound& out) const;
  static bool addValue(const Parameter& p, PyObject* value, bool part, Bound& out);
  static void addArray(const Parameter& p, Array&& array, Bound& out);
  static bool addDescriptor(PyObject* value, Bound& out);
  std::shared_ptr<Variant> find(const Bound& bound);
  bool changed(bool redefinable) const;

  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Variant>>> variants_;
  std::vector<Watched> watched_;
};

// The type of `launcher[grid]`.
bool makeBoundType();
PyObject* newBound(PyObject* launcher, PyObject* grid);
// Sets Python's error from ours.
void raise(nereid_status status, nereid_text error, nereid_text diagnostics = {});
extern PyObject *compileError, *launchError, *internalError;

// Runs Python's signal handlers while a launch runs in the main thread; an exception in one (KeyboardInterrupt) stops the launch.
class Signals {
 public:
  ~Signals();
  // Called without the GIL; returns 1 if a handler raised.
  int check();
  // Sets Python's error to the exception.
  void restore();

 private:
  PyObject *type_ = nullptr, *value_ = nullptr, *trace_ = nullptr;
};

// Returns false with Python's error set.
bool gridOf(PyObject* grid, uint32_t out[3]);
// Calls a function of _launch.py, which raises. Returns false.
bool refuse(const char* function, PyObject* what);
// Launches without the GIL. Returns false with Python's error set.
bool launch(const Kernel& kernel, const Bound& bound, const nereid_launch_options& options);

}  // namespace nereid::python

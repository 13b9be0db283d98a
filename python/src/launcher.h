// SPDX-License-Identifier: MIT
// kernel[grid](...): converts Python arguments to a launch. No Python code runs if the kernel is already compiled.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
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
  // True if the kernel is known to write to this array argument.
  bool writes(size_t k) const { return writes_[k]; }
  const std::string& parameter(size_t k) const { return names_[k]; }

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
  std::vector<std::pair<std::string, Array>> strided;
  std::vector<Ref> owners;
  struct Integer {
    int64_t value;
    const Parameter* parameter;
  };
  std::vector<Integer> integers;  // integer arguments that may be strides, except constexprs
  bool debug = false;
  std::string refused;  // after an error, the indices of a tuple's item: "[1][0]"
};

class Launcher {
 public:
  Launcher() = default;
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  void addParameter(std::string name, bool isConstexpr, bool specializes, bool aligns, const std::string& declared, PyObject* defaultValue);

  // A call with a grid. Returns null with Python's error set.
  PyObject* call(PyObject* self, PyObject* grid, PyObject* const* args, size_t count, PyObject* names);
  // The kernel for these arguments, compiled if necessary. Returns null with Python's error set.
  PyObject* kernelFor(PyObject* self, PyObject* const* args, size_t count, PyObject* names);
  // {name: value} of the arguments. Returns null with Python's error set.
  PyObject* bind(PyObject* const* args, size_t count, PyObject* names);
  // The signature for the front-end, and {name: value} of the constants.
  bool describe(PyObject* const* args, size_t count, PyObject* names, std::vector<std::string>& signature, Ref& constants, Bound& bound);

  // Returns false with Python's error set if an array is not contiguous and the launch does not pass its strides. Warns if it is unclear
  // which argument is a stride.
  bool checkStrides(const Bound& bound);
  bool checkByteStrides(const Bound& bound) const;
  // Binds the arguments and checks their strides.
  bool checkCall(PyObject* const* args, size_t count, PyObject* names);

  void forget() { variants_.clear(); }
  // Discards all compiled kernels if a function that the kernel uses has been redefined. Returns false with Python's error set.
  bool refresh(PyObject* self);
  size_t size() const;
  // `holder` is a dict, or the cell of a closure. If `redefinable`, the name may be bound to another object: then the kernel is compiled
  // again.
  void watch(PyObject* holder, PyObject* name, PyObject* value, bool redefinable) {
    watched_.push_back({Ref::to(holder), Ref::to(name), Ref::to(value), redefinable});
  }
  std::string name;   // of the kernel, for messages
  bool slow = false;  // there are hooks: launches use the method `run`
  bool debug = false;
  int threads = 0;

  static bool hooks;  // like `slow`, for all kernels

 private:
  struct Variant {
    std::vector<Ref> constants;
    Ref owner;
    const Kernel* kernel = nullptr;
  };
  struct Watched {
    Ref holder, name, value;
    bool redefinable;
  };

  std::string shown() const;  // "kernel `add`"
  std::string parameterNames() const;
  bool match(PyObject* const* args, size_t count, PyObject* names, Bound& out) const;
  bool add(const Parameter& p, PyObject* value, Bound& out) const;
  bool addValue(const Parameter& p, PyObject* value, bool part, Bound& out) const;
  bool addArray(const Parameter& p, PyObject* value, Array&& array, Bound& out) const;
  bool addDescriptor(PyObject* value, Bound& out) const;
  bool itemOf(const Parameter& p, PyObject* value, bool part, std::string& out) const;
  std::shared_ptr<Variant> find(PyObject* self, const Bound& bound, PyObject* const* args, size_t count, PyObject* names);
  bool checkWatched() const;

  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Variant>>> variants_;
  std::vector<Watched> watched_;
  std::set<std::string> warned_;  // arrays whose strides have caused a warning
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

bool gridOf(PyObject* grid, uint32_t out[3]);
// Launches without the GIL. Returns false with Python's error set.
bool launch(const Kernel& kernel, const Bound& bound, const nereid_launch_options& options);

}  // namespace nereid::python

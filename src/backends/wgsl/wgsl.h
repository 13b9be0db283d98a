// SPDX-License-Identifier: MIT
// The back-end `wgsl`: the lower form for workgroups of threads to the text of WebGPU shaders. docs/reference/webgpu.md is its contract
// with the runtime.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lower/lower.h"
#include "lower/site.h"

namespace nereid::wgsl {

// One shader of a kernel, for devices that have `features` (names of WebGPU's) and more than WebGPU's default `limits`.
struct Variant {
  std::string suffix;  // of its file: "", ".distinct", and these behind ".subgroups", ".f16", both, and ".matrix"
  std::vector<std::string> features;
  std::vector<std::pair<std::string, int64_t>> limits;
  std::string text;
  std::string schedule, lowered;             // for `emit`, where asked for
  int threads = 0;                           // of a workgroup
  int programs = 1;                          // that a workgroup runs side by side
  int64_t scratchBytes = 0;                  // of a workgroup, in the last binding; 0 where the workgroup's own memory holds it
  bool reports = false;                      // whether it has assertions or prints
  bool matrices = false, subgroups = false;  // whether it asks for them
  bool reloads = false;                      // whether it is of the kernel that loads operands again for each dot
  bool aliases = false;                      // whether it is right also where several arguments are in one buffer
};

struct Array {
  size_t parameter = 0;
  std::string name;  // in the shader
  bool isWritten = false;
};

struct Shader {
  std::vector<Variant> variants;  // the best first; the last needs nothing and allows everything
  std::vector<Array> arrays;      // bindings 1, 2, ...
  std::vector<Site> sites;
};

// What one device has of what variants ask for.
struct Device {
  std::set<std::string, std::less<>> features;
  int64_t workgroupBytes = 0;
  bool has(std::string_view feature) const { return features.find(feature) != features.end(); }
};

// Plans and lowers the kernel, once a variant: all that any device may want, or the two that `device` takes where it is known, for
// different arguments and for any. With `lines` the texts say which line of its source theirs come from.
// With `explains` each variant has its schedule and its lower form as text.
struct TextOptions {
  bool lines = false, explains = false;
  std::string schedule{};  // decisions as text (schedule/text.h); empty: the defaults
};
// A kernel in the forms that variants begin with.
struct Forms {
  const Func* plain;
  const Func* reloading;  // after reload_operands; null if that changes nothing
  const Func* of(const KernelSchedule& shape) const { return shape.reloads ? reloading : plain; }
};
Result<Shader> write(const Forms& forms, const Device* device, const TextOptions& options, Diags& diags);

}  // namespace nereid::wgsl

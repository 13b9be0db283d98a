// SPDX-License-Identifier: MIT
// One kernel and its arguments: infers the signature, compiles, launches. Shared by `nereid run` and the test runner.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arrays.h"
#include "nereid/nereid.h"

namespace nereid::tool {

// An error, with the exit status for it.
struct Problem {
  int status = 0;  // 0: no error
  std::string text;
  explicit operator bool() const { return status != 0; }
};
inline Problem misuse(std::string text) { return {2, "error: " + std::move(text) + "\n"}; }
// The arguments do not match the kernel; `id` is as in the compiler's messages.
inline Problem refused(const std::string& id, const std::string& text) { return {1, "error: " + text + " [" + id + "]\n"}; }

struct File {
  std::string path, kernel;
};
File splitFile(const std::string& text);  // FILE[:KERNEL]

struct Value {
  Array array;                  // an array, or
  std::string text;             // a scalar as written
  const DType* type = nullptr;  // explicit, or inferred
  uint64_t bits = 0;
  bool isArray = false, passed = false;
};

struct RequestHolder;

class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  ~Session() {
    if (kernel_) nereid_kernel_free(kernel_);
  }
  // Parses NAME=SPEC, the value of --arg.
  Problem addArgument(const std::string& text);
  Problem addConstant(const std::string& text);
  Problem compile(const File& file, const std::string& target, const std::string& signature, bool debug = false,
                  const std::string& schedule = {});
  // The text of a stage for a target, with these decisions of the schedule.
  Problem emit(const std::string& stage, const File& file, const std::string& target, const std::string& signature,
               const std::string& decisions, std::string& text);
  Problem launch(const nereid_launch_options& options);
  Value* find(const std::string& name);

 private:
  // The types of the signature, inferred from the arguments if it is empty; `described` is the kernel as JSON.
  Problem prepare(RequestHolder& holder, const std::string& signature, std::string& described);
  Problem infer(const std::string& json, std::vector<std::string>& signature);
  Problem inferItem(const std::string& name, const DType* declared, bool keep, bool noAlign, std::string& item);
  bool isGiven(const std::string& name);
  Problem bind(const std::string& json);
  std::vector<std::pair<std::string, std::unique_ptr<Value>>> values_;
  std::map<std::string, std::string> constants_;
  std::vector<nereid_arg> args_;
  nereid_kernel* kernel_ = nullptr;
};

// Reads a text of the C interface and frees it.
std::string take(nereid_text text);
std::vector<std::string> splitSignature(const std::string& text);
// A request, and the texts to which it refers.
struct RequestHolder {
  File file;
  std::vector<std::string> signature;
  std::map<std::string, std::string> constants;
  std::string target;
  bool debug = false;
  std::string schedule{};
  std::vector<const char*> items, names, values;
  nereid_request get();
};

}  // namespace nereid::tool

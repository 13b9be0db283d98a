// SPDX-License-Identifier: MIT
#include "xla_call.h"

#include <charconv>
#include <optional>
#include <unordered_map>

namespace nereid::python {

namespace {

struct Known {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<nereid_kernel>> kernels;
};
Known& known() {
  static auto* k = new Known;  // executables may outlive static objects
  return *k;
}

std::string keyOf(const std::string& ir, const std::string& schedule) { return ir + '\0' + schedule; }

std::shared_ptr<nereid_kernel> kernelOf(const std::string& ir, const std::string& schedule, std::string& why) {
  {
    Known& k = known();
    std::lock_guard lock(k.mutex);
    if (auto found = k.kernels.find(keyOf(ir, schedule)); found != k.kernels.end())
      if (auto kernel = found->second.lock()) return kernel;
  }
  nereid_request request{};
  request.path = "kernel.ttir";
  request.source = ir.c_str();
  request.target = "cpu";
  request.schedule = schedule.empty() ? nullptr : schedule.c_str();
  nereid_kernel* made = nullptr;
  nereid_text error{};
  if (nereid_compile(&request, &made, &error) != NEREID_OK) {
    why.assign(error.data ? error.data : "", error.size);
    nereid_free(error);
    // It was tuned on another processor, perhaps, where it is legal.
    return schedule.empty() ? nullptr : kernelOf(ir, "", why);
  }
  std::shared_ptr<nereid_kernel> kernel(made, nereid_kernel_free);
  rememberKernel(ir, schedule, kernel);
  return kernel;
}

struct Reader {
  std::string_view rest;
  bool ok = true;

  std::string_view line() {
    size_t end = rest.find('\n');
    if (end == std::string_view::npos) ok = false;
    std::string_view out = rest.substr(0, end);
    rest.remove_prefix(ok ? end + 1 : rest.size());
    return out;
  }
  static std::string_view word(std::string_view& line) {
    size_t end = line.find(' ');
    std::string_view out = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    return out;
  }
  uint64_t number(std::string_view& line) {
    std::string_view text = word(line);
    uint64_t n = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    ok = ok && error == std::errc() && end == text.data() + text.size();
    return n;
  }
};

// Ready to run after all fields of a configuration were read.
bool finish(Call& call, CallConfig& c, std::string& why) {
  nereid_text error{};
  if (nereid_kernel_entry(c.kernel.get(), &c.entry, &error) != NEREID_OK) {
    why.assign(error.data ? error.data : "", error.size);
    nereid_free(error);
    return false;
  }
  if (c.entry.count != c.bits.size()) return why = "the number of arguments does not match the kernel", false;
  c.args.assign(c.bits.size(), nullptr);
  std::vector<bool> isBuffer(c.bits.size());
  for (auto [argument, buffer] : c.pointers) {
    isBuffer[argument] = true;
    if (buffer >= call.inputs + call.outputs) return why = "buffer number out of range", false;
  }
  for (size_t i = 0; i < c.bits.size(); ++i) {
    if (c.entry.is_array[i] && !isBuffer[i]) {  // an address known at compile time; None is 0
      c.args[i] = reinterpret_cast<const void*>(static_cast<uintptr_t>(c.bits[i]));
    } else if (c.entry.is_array[i] != isBuffer[i]) {
      return why = "a buffer for a scalar", false;
    } else if (!isBuffer[i]) {
      c.args[i] = &c.bits[i];
    }
  }
  for (auto [buffer, bytes] : c.zeros)
    if (buffer < call.inputs || buffer >= call.inputs + call.outputs) return why = "only outputs are zeroed", false;
  uint64_t total = uint64_t{c.grid[0]} * c.grid[1] * c.grid[2];
  c.items = total;
  if (c.serial.empty()) return true;
  c.items = 1;
  uint64_t programs = 1, last = 0;
  for (auto* axes : {&c.parallel, &c.serial})
    for (auto [extent, stride] : *axes) {
      if (extent == 0 || extent > total || stride > total) return why = "the axes are not those of the grid", false;
      if (axes == &c.parallel) c.items *= extent;
      programs *= extent;
      last += (extent - 1) * stride;
      if (programs > total || last >= total) return why = "the axes are not those of the grid", false;
    }
  if (programs != total) return why = "the axes are not those of the grid", false;
  return true;
}

}  // namespace

void rememberKernel(const std::string& ir, const std::string& schedule, const std::shared_ptr<nereid_kernel>& kernel) {
  Known& k = known();
  std::lock_guard lock(k.mutex);
  k.kernels[keyOf(ir, schedule)] = kernel;
  if (k.kernels.size() % 256 == 0) std::erase_if(k.kernels, [](const auto& entry) { return entry.second.expired(); });
}

std::unique_ptr<Call> readCall(std::string_view text, std::string& why) {
  auto call = std::make_unique<Call>();
  call->hash = 0xcbf29ce484222325;
  for (char c : text) call->hash = (call->hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  Reader r{text};
  if (r.line() != "nereid-call 1") return why = "the call was written by another version of Nereid", nullptr;
  CallConfig* c = nullptr;
  while (r.ok && !r.rest.empty()) {
    std::string_view line = r.line(), word = Reader::word(line);
    if (word == "name") {
      call->name = line;
    } else if (word == "buffers") {
      call->inputs = r.number(line);
      call->outputs = r.number(line);
    } else if (word == "alias") {
      size_t input = r.number(line), output = r.number(line), bytes = r.number(line);
      r.ok = r.ok && input < call->inputs && output >= call->inputs && output < call->inputs + call->outputs;
      call->aliases.push_back({input, output, bytes});
    } else if (word == "threads") {
      call->threads = static_cast<int>(r.number(line));
    } else if (word == "config") {
      call->configs.push_back(std::make_unique<CallConfig>());
      c = call->configs.back().get();
      c->name = line;
    } else if (!c) {
      r.ok = false;
    } else if (word == "grid") {
      for (uint32_t& n : c->grid) n = static_cast<uint32_t>(r.number(line));
    } else if (word == "serial" || word == "parallel") {
      while (r.ok && !line.empty()) {
        uint64_t extent = r.number(line);
        (word == "serial" ? c->serial : c->parallel).push_back({extent, r.number(line)});
      }
    } else if (word == "zero") {
      size_t buffer = r.number(line);
      c->zeros.push_back({buffer, r.number(line)});
    } else if (word == "buffer") {
      c->pointers.push_back({c->bits.size(), r.number(line)});
      c->bits.push_back(0);
    } else if (word == "bits") {
      c->bits.push_back(r.number(line));
    } else if (word == "kernel" || word == "schedule") {
      size_t size = r.number(line);
      if (!r.ok || size > r.rest.size()) {
        r.ok = false;
        break;
      }
      (word == "kernel" ? c->ir : c->schedule) = r.rest.substr(0, size);
      r.rest.remove_prefix(size);
      if (word == "schedule") continue;
      c->kernel = kernelOf(c->ir, c->schedule, why);
      if (!c->kernel || !finish(*call, *c, why)) return nullptr;
    } else {
      r.ok = false;
    }
  }
  for (auto& config : call->configs) r.ok = r.ok && config->kernel;
  if (!r.ok || call->configs.empty()) return why = "the call is damaged", nullptr;
  return call;
}

}  // namespace nereid::python

// SPDX-License-Identifier: MIT
// The compiler as a WebAssembly module. The host writes a request into its memory and reads the answer there. Both are lists of texts, each
// preceded by its size (u32, little-endian).
//
//   request   COMMAND, PATH, SOURCE, KERNEL, "1" to keep assertions or "", SCHEDULE (decisions, or ""), the number of signature items, the
//             items, the number of constants, alternately their names and literals, and up to the end alternately paths and texts of
//             other files.
//             COMMAND is `describe`, `compile TARGET` or `compile TARGET DEVICE` (features and limits, see driver.h; of the target `wasm`
//             the only variant), or `emit STAGE`
//   answer    the lines of tl.static_print; then for `describe` JSON, for `emit` the text, for `compile` the entry of a manifest and
//             alternately names and bytes of its files; after a failure the errors as text and as JSON (driver/json.h)
//
// The module of the Python package (NEREID_INTERPRETS) has more: COMMAND can be `load`, which answers with JSON and keeps a kernel for the
// interpreter, and paths and texts of files come with the path that messages show. `interpret` launches, `forget` frees.
//
// The host provides `readNumber`, `writeNumber` (support/text.cpp) and `fail`, which takes the text of an internal fault and does not
// return.
#include <cstring>
#include <map>

#include "driver/driver.h"
#include "driver/json.h"
#if NEREID_INTERPRETS
#include "analysis/writes.h"
#include "driver/targets.h"
#include "passes/passes.h"
#endif

namespace {

using namespace nereid;

std::string answer;

void add(std::string_view text) {
  auto size = static_cast<uint32_t>(text.size());
  answer.append(reinterpret_cast<const char*>(&size), sizeof size);
  answer.append(text);
}

class Reader {
 public:
  explicit Reader(std::string_view from) : from_(from) {}
  bool done() const { return from_.empty(); }
  std::string text() {
    uint32_t size;
    std::memcpy(&size, from_.data(), sizeof size);
    std::string out(from_.substr(sizeof size, size));
    from_.remove_prefix(sizeof size + size);
    return out;
  }
  int number() { return std::atoi(text().c_str()); }

 private:
  std::string_view from_;
};

#if NEREID_INTERPRETS

extern "C" {
// Evaluates a Python expression: stores the answer by `reply`, and returns 1 if it is a value.
[[clang::import_module("nereid"), clang::import_name("python")]] int hostPython(const char* text, size_t size);
// A line of tl.static_print or tl.device_print (0), or about unwritten elements (1).
[[clang::import_module("nereid"), clang::import_name("line")]] void hostLine(int kind, const char* text, size_t size);
}

struct Interpreted {
  Sources sources;
  KernelInfo info;
  std::unique_ptr<Executable> executable;
};

bool usesPython = false;  // constexpr functions run in Python instead of the compiler's evaluator
std::map<int, std::unique_ptr<Interpreted>> kernels;
int loaded = 0;
std::string replied;

// Stores which arrays the kernel writes to.
void addWrites(Module& m, KernelInfo& info) {
  Diags ignored;
  if (!pipeline(m, ignored)) return;
  std::vector<Writes> writes = writesOf(*m.kernel());
  for (size_t k = 0; k < writes.size() && k < info.parameters.size(); ++k)
    if (m.kernel()->args()[k]->type.isPointer())
      info.parameters[k].writes = writes[k] == Writes::Yes ? "true" : writes[k] == Writes::No ? "false" : "";
}

Result<void> load(const Request& request, Sources& sources, Diags& diags) {
  auto m = frontEnd(sources, request, diags);
  if (!m) return std::unexpected(Failed{});
  nameFiles(*m, sources);
  auto kernel = std::make_unique<Interpreted>();
  kernel->info = infoOf(*m->kernel());
  auto executable = loadInterp(std::move(*m), diags);
  if (!executable) return std::unexpected(Failed{});
  kernel->executable = std::move(*executable);
  kernel->sources = std::move(sources);
  add(json(kernel->info));
  add(cat(++loaded));
  kernels[loaded] = std::move(kernel);
  return {};
}

#endif

Result<void> run(std::string_view command, std::string_view what, const Request& request, Sources& sources, Diags& diags) {
  if (command == "emit") {
    auto text = emit(sources, request, what, diags);
    if (!text) return std::unexpected(Failed{});
    add(*text);
  } else if (command == "describe") {
    auto info = describe(sources, request, diags);
    if (!info) return std::unexpected(Failed{});
    add(json(*info));
#if NEREID_INTERPRETS
  } else if (command == "load") {
    return load(request, sources, diags);
#endif
  } else {
    size_t space = std::min(what.find(' '), what.size());
    std::string_view name = what.substr(0, space), device = trim(what.substr(space));
    const Target* target = findTarget(name);
    if (!target || !target->write) return diags.error(Err::Unsupported, {}).says("unknown target `", name, "`");
    auto m = frontEnd(sources, request, diags);
    if (!m) return std::unexpected(Failed{});
    nameFiles(*m, sources);
    KernelInfo info = infoOf(*m->kernel());
#if NEREID_INTERPRETS
    if (auto again = frontEnd(sources, request, diags)) addWrites(*again, info);
#endif
    auto artefacts = target->write(std::move(*m), device, diags);
    if (!artefacts) return std::unexpected(Failed{});
    add(json(name, info, *artefacts));
    for (const Artefact& file : artefacts->files) {
      add(file.name);
      add(file.bytes);
    }
  }
  return {};
}

}  // namespace

extern "C" {

[[clang::export_name("alloc")]] char* nereid_alloc(size_t size) { return static_cast<char*>(operator new(size)); }

// Answers a request, whose memory alloc() returned and this function frees. Returns 0 for success, 1 for failure.
[[clang::export_name("ask")]] int nereid_ask(char* at, size_t size) {
  Reader reader({at, size});
  std::string command = reader.text(), printed;
  Request request;
  request.path = reader.text();
  std::map<std::string, std::string> files;
  files[request.path] = reader.text();
  request.kernel = reader.text();
  request.debug = !reader.text().empty();
  request.schedule = reader.text();
  for (int i = reader.number(); i > 0; --i) request.signature.push_back(reader.text());
  for (int i = reader.number(); i > 0; --i) {
    std::string name = reader.text();
    request.constants[name] = reader.text();
  }
  Sources sources;
  while (!reader.done()) {
    std::string path = reader.text();
    files.emplace(path, reader.text());
#if NEREID_INTERPRETS
    if (std::string shown = reader.text(); !shown.empty()) sources.showAs(path, shown);
#endif
  }
  operator delete(at);
#if NEREID_INTERPRETS
  if (usesPython)
    request.python = [](const std::string& expression, std::string& reply) {
      bool good = hostPython(expression.data(), expression.size()) != 0;
      reply = std::move(replied);
      return good;
    };
#endif
  request.read = [&](const std::string& path) {
    auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  request.print = [&](const std::string& line) { appendAll(printed, line, "\n"); };
  Diags diags;
  std::string_view whole = command;
  size_t space = std::min(whole.find(' '), whole.size());
  answer.clear();
  bool good = run(whole.substr(0, space), trim(whole.substr(space)), request, sources, diags).has_value();
  if (!good) {
    answer.clear();
    add(printed);
    add(diags.render(sources));
    add(json(diags, sources));
    return 1;
  }
  // Printed text is known only now, but comes first.
  std::string rest = std::move(answer);
  answer.clear();
  add(printed);
  append(answer, rest);
  return 0;
}

#if NEREID_INTERPRETS

// Stores the answer to a question to Python, whose memory alloc() returned and this function frees.
[[clang::export_name("reply")]] void nereid_reply(char* at, size_t size) {
  replied.assign(at, size);
  operator delete(at);
}

[[clang::export_name("usePython")]] void nereid_use_python(int on) { usesPython = on != 0; }

[[clang::export_name("release")]] void nereid_release(char* at) { operator delete(at); }

[[clang::export_name("forget")]] void nereid_forget(int kernel) { kernels.erase(kernel); }

// Launches a kernel in the interpreter. The request, in the form of `ask`: the kernel's number, the grid, "1" or "" to check bounds, races
// and unwritten elements, for each argument its bits, and for each array of a known shape the index of its argument, lowest address, size,
// bytes per element, "1" if it is written, rank, shape and strides. After a failure the answer has the
// errors as text and as JSON.
[[clang::export_name("interpret")]] int nereid_interpret(char* at, size_t size) {
  Reader reader({at, size});
  auto number = [&] { return static_cast<uint64_t>(std::strtoull(reader.text().c_str(), nullptr, 10)); };
  auto integer = [&] { return static_cast<int64_t>(std::strtoll(reader.text().c_str(), nullptr, 10)); };
  Interpreted& kernel = *kernels.at(reader.number());
  Launch launch;
  for (uint32_t& n : launch.grid) n = static_cast<uint32_t>(number());
  launch.checkBounds = !reader.text().empty();
  launch.checkRaces = !reader.text().empty();
  if (!reader.text().empty()) launch.unwritten = [](std::string_view line) { hostLine(1, line.data(), line.size()); };
  std::vector<uint64_t> bits(kernel.info.parameters.size());
  for (uint64_t& b : bits) b = number();
  launch.args = bits;
  while (!reader.done()) {
    size_t k = number();
    interp::Allocation& a = launch.allocations.emplace_back();
    a.name = kernel.info.parameters[k].name;
    a.first = bits[k];
    a.base = number();
    a.size = number();
    a.elementBytes = static_cast<uint32_t>(number());
    a.written = !reader.text().empty();
    size_t rank = number();
    for (size_t d = 0; d < rank; ++d) a.shape.push_back(integer());
    for (size_t d = 0; d < rank; ++d) a.strides.push_back(integer());
  }
  operator delete(at);
  launch.print = [](std::string_view line) { hostLine(0, line.data(), line.size()); };
  Diags diags;
  answer.clear();
  if (kernel.executable->launch(launch, diags)) return 0;
  add(diags.render(kernel.sources));
  add(json(diags, kernel.sources));
  return 1;
}

#endif

[[clang::export_name("answer")]] const char* nereid_answer() { return answer.data(); }
[[clang::export_name("answerSize")]] size_t nereid_answer_size() { return answer.size(); }
}

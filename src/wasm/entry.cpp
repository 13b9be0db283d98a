// SPDX-License-Identifier: MIT
// The compiler as a WebAssembly module. The host writes a request into its memory and reads the answer there. Both are lists of texts, each
// preceded by its size (u32, little-endian).
//
//   request   COMMAND, PATH, SOURCE, KERNEL, "1" to keep assertions or "", SCHEDULE (decisions, or ""), the number of signature items, the
//             items, the number of constants, alternately their names and literals, and up to the end alternately paths and texts of
//             other files.
//             COMMAND is `describe`, `compile TARGET` or `compile TARGET DEVICE` (features and limits, see driver.h), or `emit STAGE`
//   answer    the lines of tl.static_print; then for `describe` JSON, for `emit` the text, for `compile` the entry of a manifest and
//             alternately names and bytes of its files; after a failure the errors as text and as JSON (driver/json.h)
//
// The host provides `readNumber`, `writeNumber` (support/text.cpp) and `fail`, which takes the text of an internal fault and does not
// return.
#include <cstring>
#include <map>

#include "driver/driver.h"
#include "driver/json.h"

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

Result<void> run(std::string_view command, std::string_view what, const Request& request, Sources& sources, Diags& diags) {
  if (command == "emit") {
    auto text = emit(sources, request, what, diags);
    if (!text) return std::unexpected(Failed{});
    add(*text);
  } else if (command == "describe") {
    auto info = describe(sources, request, diags);
    if (!info) return std::unexpected(Failed{});
    add(json(*info));
  } else {
    size_t space = std::min(what.find(' '), what.size());
    std::string_view name = what.substr(0, space), device = trim(what.substr(space));
    const Target* target = findTarget(name);
    if (!target || !target->write) return diags.error(Err::Unsupported, {}).says("unknown target `", name, "`");
    auto m = frontEnd(sources, request, diags);
    if (!m) return std::unexpected(Failed{});
    nameFiles(*m, sources);
    KernelInfo info = infoOf(*m->kernel());
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
  while (!reader.done()) {
    std::string path = reader.text();
    files.emplace(path, reader.text());
  }
  operator delete(at);
  request.read = [&](const std::string& path) {
    auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  request.print = [&](const std::string& line) { appendAll(printed, line, "\n"); };
  Sources sources;
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

[[clang::export_name("answer")]] const char* nereid_answer() { return answer.data(); }
[[clang::export_name("answerSize")]] size_t nereid_answer_size() { return answer.size(); }
}

// SPDX-License-Identifier: MIT
// Shared by the harnesses that compile to bytes. The WebAssembly and WGSL back-ends must compile every module that a front-end accepts, or
// report an error. NEREID_FUZZ_OUT names a folder for the output, which tests/fuzz_bytes_test.py passes to validators.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "driver/driver.h"
#include "frontends/ttir/ttir.h"

namespace nereid {

inline bool hasLargeTile(const Module& m) {
  bool large = false;
  for (auto& f : m.funcs)
    walk(f->body, [&](const Inst& i) {
      for (const Value* v : i.results) large |= v->type.isShaped() && v->type.bits() > 10;
    });
  return large;
}

inline void writeAll(const Module& m) {
  // Large tiles and long texts take long and find nothing more.
  std::string text = print(m);
  if (text.size() > 16384 || hasLargeTile(m)) return;
  static int count = 0;
  for (const char* name : {"wasm", "webgpu"}) {
    const Target* target = findTarget(name);
    if (!target || !target->write) continue;
    Sources sources;
    Diags diags;
    auto copy = ttir::parse(sources, sources.add("fuzz.ttir", text), diags);
    if (!copy) {
      std::fprintf(stderr, "%s\nis refused once printed:\n%s\n", diags.render(sources).c_str(), text.c_str());
      std::abort();
    }
    auto written = target->write(std::move(*copy), "", diags);
    if (!written && diags.empty()) std::abort();
    const char* folder = std::getenv("NEREID_FUZZ_OUT");
    if (!written || !folder) continue;
    for (const Artefact& file : written->files) {
      std::string extension = file.name.substr(file.name.find_last_of('.'));
      if (file.name.ends_with(".relaxed.wasm")) extension = ".relaxed.wasm";
      if (extension != ".wasm" && extension != ".relaxed.wasm" && extension != ".wgsl") continue;
      std::ofstream(cat(folder, "/", count++, extension), std::ios::binary) << file.bytes;
    }
  }
}

}  // namespace nereid

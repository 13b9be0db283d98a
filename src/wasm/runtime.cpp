// SPDX-License-Identifier: MIT
// Replaces parts of the C library in the compiler's WebAssembly module: memory, and reporting internal faults.
//
// Memory is divided into sizes of 16, 32, ... 1024 bytes and powers of two above, and freed memory is kept in one list per size. A
// compilation allocates and frees the same sizes again and again, so this wastes little. It is a tenth of the C library's size, and faster.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

#include "support/diag.h"

extern "C" {
extern unsigned char __heap_base;
// Symbols of the stack protector, which wasi-libc lacks.
uintptr_t __stack_chk_guard = 0x595E9FBD;
void __stack_chk_fail() { __builtin_trap(); }
}

namespace {

constexpr size_t kHeader = 16, kSmall = 1024, kPage = 65536;

struct Free {
  Free* next;
};

Free* waiting[kSmall / 16 + 33];
uintptr_t top = 0, end = 0;

void* take(size_t size) {
  size += kHeader;
  size_t index, bytes;
  if (size <= kSmall) {
    index = (size + 15) / 16;
    bytes = index * 16;
  } else {
    bytes = std::bit_ceil(size);
    index = kSmall / 16 + static_cast<size_t>(std::countr_zero(bytes));
  }
  if (Free* found = waiting[index]) {
    waiting[index] = found->next;
    return found;
  }
  if (top == 0) {
    top = (reinterpret_cast<uintptr_t>(&__heap_base) + 15) & ~uintptr_t{15};
    end = __builtin_wasm_memory_size(0) * kPage;
  }
  if (bytes > end - top) {
    size_t pages = (bytes - (end - top) + kPage - 1) / kPage;
    if (pages < 16) pages = 16;
    if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) nereid::internalError("", 0, "out of memory");
    end += pages * kPage;
  }
  auto* header = reinterpret_cast<size_t*>(top);
  *header = index;
  top += bytes;
  return reinterpret_cast<void*>(top - bytes + kHeader);
}

void give(void* p) {
  if (!p) return;
  size_t index = *reinterpret_cast<size_t*>(static_cast<char*>(p) - kHeader);
  auto* block = static_cast<Free*>(p);
  block->next = waiting[index];
  waiting[index] = block;
}

extern "C" [[clang::import_module("nereid"), clang::import_name("fail")]] [[noreturn]] void hostFail(const char* text, size_t size);

}  // namespace

void* operator new(size_t size) { return take(size); }
void* operator new[](size_t size) { return take(size); }
void operator delete(void* p) noexcept { give(p); }
void operator delete[](void* p) noexcept { give(p); }
void operator delete(void* p, size_t) noexcept { give(p); }

extern "C" {
void* malloc(size_t size) { return take(size); }
void free(void* p) { give(p); }
void abort() { nereid::internalError("", 0, "the C++ library stopped"); }
}

// Called by the C++ library's own checks.
[[noreturn]] void std::__libcpp_verbose_abort(const char*, ...) noexcept { abort(); }

namespace nereid {

void internalError(const char* file, int line, std::string_view text) {
  std::string whole = cat("internal error at ", file, ":", line, ": ", text);
  hostFail(whole.data(), whole.size());
}

}  // namespace nereid

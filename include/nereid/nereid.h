/* SPDX-License-Identifier: MIT
 * The C interface of Nereid, a compiler for the Triton language. Tools and bindings use only this header.
 *
 * The caller owns every nereid_text that a function returns (results, errors, JSON), and frees it with nereid_free. `error` may be null.
 */
#ifndef NEREID_H
#define NEREID_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  NEREID_OK = 0,
  NEREID_ERROR = 1,       /* an error in the kernel; the text has source positions and carets */
  NEREID_MISUSE = 2,      /* an error in the call: an unknown target, a wrong number of arguments */
  NEREID_UNAVAILABLE = 3, /* something outside Nereid is missing: memory, Node, a GPU */
  NEREID_INTERRUPTED = 4, /* `interrupted` stopped the launch; arrays contain what was written until then */
  NEREID_INTERNAL = 5     /* a fault of Nereid; the text has a command that reproduces it */
} nereid_status;

typedef struct {
  char* data; /* ends in a zero byte, which `size` does not count */
  size_t size;
} nereid_text;

typedef struct {
  const char* path;
  const char* text;
  const char* shown; /* the path in messages; null: `path` */
} nereid_file;

typedef struct {
  const char* path;   /* .py: Triton source; .ttir: MLIR text */
  const char* source; /* the file's text; null: it is read from `path` */
  const char* kernel; /* null: the only kernel of the file */
  /* One item per parameter, as in Triton's AOT tool: "*fp32:16", "i32", "1024"; empty where a constant supplies it. */
  const char* const* signature;
  size_t signature_size;
  /* Constexprs as Python literals. */
  const char* const* constant_names;
  const char* const* constant_values;
  size_t constants_size;
  const char* target; /* of nereid_compile and nereid_artefacts */
  int debug;          /* 1: keep `assert` and tl.device_assert of Python source, and check integers for overflow, as with TRITON_DEBUG=1 */
  /* Files that are in memory instead of on disk. */
  const nereid_file* files;
  size_t files_size;
  void (*print)(void* user, const char* text, size_t size); /* called with the text of tl.static_print; null: print to stderr */
  void* user;
  nereid_text* diagnostics; /* if not null: receives the errors as JSON */
  /* Evaluates a Python expression, which calls a constexpr function, and calls `answer` once. Returns 1 if the answer is a literal, and 0
   * if it is an exception: three lines with its class, where it was raised, and its text. Null: the compiler's own evaluator, which knows
   * a subset of Python, runs constexpr functions. */
  int (*python)(void* user, const char* expression, size_t size, void (*answer)(void* to, const char* text, size_t size), void* to);
  const char* schedule; /* decisions that replace the defaults, in the form that the stage `schedule` prints; null: the defaults */
} nereid_request;

typedef struct {
  uint64_t bits;  /* the address of an array, or the bits of a scalar */
  uint64_t bytes; /* of the array, for checking bounds; 0 for a scalar */
} nereid_arg;

/* An array argument, for the messages of checks. */
typedef struct {
  uint64_t base, bytes;           /* the lowest address and the size; with a negative stride the first element is not at the base */
  uint32_t element_bytes, rank;   /* rank 0 and 0 bytes: a scalar */
  const int64_t *shape, *strides; /* strides in elements */
  int written;                    /* 1: the kernel stores to it; 0: unknown */
} nereid_array;

typedef struct {
  uint32_t grid[3];
  int threads;      /* 0: nereid_num_threads() */
  int check_bounds; /* interpreter only: report the first access outside the arrays */
  void (*print)(void* user, const char* line,
                size_t size); /* called with each line of tl.device_print; null: the interpreter drops them, others print to stdout */
  void* user;
  double* microseconds; /* if not null: launch `runs` more times after a warm-up, and store the time of each */
  int runs;
  int check_races;                /* interpreter only: report the first access that races with another program */
  int (*interrupted)(void* user); /* called in the calling thread every 50 ms or so while the kernel runs; if it returns 1, the launch
                                     stops. May be null */
  const nereid_array* arrays;     /* interpreter only: one per argument, instead of the sizes in nereid_arg; may be null */
  /* Interpreter only: called after the launch with one line for each output array that has elements which the kernel neither wrote nor
   * read. May be null. */
  void (*unwritten)(void* user, const char* line, size_t size);
} nereid_launch_options;

typedef struct nereid_kernel nereid_kernel;

const char* nereid_version(void);
void nereid_free(nereid_text text);

/* JSON: the targets of this build and whether they run here; the operations of the IR. */
nereid_text nereid_targets(void);
nereid_text nereid_ops(void);

/* The processor that kernels are compiled for: name and features. */
const char* nereid_processor(void);
/* Default number of threads per launch; 0 restores NEREID_NUM_THREADS or the number of cores. */
int nereid_num_threads(void);
void nereid_set_num_threads(int threads);

/* JSON: name and parameters of the kernel, without compiling it. */
nereid_status nereid_describe(const nereid_request* request, nereid_text* json, nereid_text* error);
/* The text of one stage: tokens, ast, ttir, passes, schedule, candidates, lower, threads, llvm, asm, wat, wgsl. The suffix "+lines",
 * as in "wat+lines", adds source lines. "candidates" lists the legal values of each decision of the schedule; docs/reference/cli.md has the
 * format. */
nereid_status nereid_emit(const nereid_request* request, const char* stage, nereid_text* text, nereid_text* error);
/* Compiles a kernel that can be launched in this process. */
nereid_status nereid_compile(const nereid_request* request, nereid_kernel** kernel, nereid_text* error);
/* Writes the files of a compiled kernel to `directory`. JSON: their names. */
nereid_status nereid_artefacts(const nereid_request* request, const char* directory, nereid_text* json, nereid_text* error);
/* Saves a compiled kernel as bytes, and loads it. Damaged bytes, or bytes of another version or processor, are NEREID_MISUSE. */
nereid_status nereid_kernel_save(const nereid_kernel* kernel, nereid_text* bytes, nereid_text* error);
nereid_status nereid_kernel_load(const char* bytes, size_t size, nereid_kernel** kernel, nereid_text* error);
/* JSON: the parameters of a launch, with their types; "writes" of an array that the kernel stores to. */
nereid_text nereid_kernel_describe(const nereid_kernel* kernel);
nereid_status nereid_launch(nereid_kernel* kernel, const nereid_arg* args, size_t count, const nereid_launch_options* options,
                            nereid_text* error);
void nereid_kernel_free(nereid_kernel* kernel);

/* The native code of a kernel for the target `cpu`, for callers with their own threads. One call of `run` computes programs begin,
 * begin + 1, ..., end - 1 of the grid, x fastest, in the calling thread. Several threads may call it at once, each with its own scratch
 * memory. `args[i]` is the address of the array if `is_array[i]`, else the address of the scalar. Valid as long as the kernel. */
typedef struct {
  void (*run)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);
  size_t scratch_bytes; /* aligned to 64 */
  size_t count;         /* of arguments */
  const unsigned char* is_array;
} nereid_entry;
nereid_status nereid_kernel_entry(const nereid_kernel* kernel, nereid_entry* entry, nereid_text* error);

/* Receives the messages of kernels while `run` is called in this thread: failed assertions (`failed` is 1; other programs continue) and
 * the lines of tl.device_print. */
typedef struct {
  void (*hear)(void* user, int failed, const char* text, size_t size);
  void* user;
} nereid_listener;
/* Sets the listener of this thread (null: none), and returns the previous one. */
const nereid_listener* nereid_listen(const nereid_listener* listener);

#ifdef __cplusplus
}
#endif

#endif

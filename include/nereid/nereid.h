/* SPDX-License-Identifier: MIT
 * The C interface of Nereid, a compiler for the Triton language: tools and bindings see this alone.
 *
 * Texts that are given out (results, errors, JSON) belong to the caller, who frees them with nereid_free. An `error` may be null.
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
  NEREID_ERROR = 1,       /* the user's program: the error has positions and carets */
  NEREID_MISUSE = 2,      /* the call: an unknown target, a wrong number of arguments */
  NEREID_UNAVAILABLE = 3, /* the environment lacks something */
  NEREID_INTERRUPTED = 4, /* the launch was stopped by `interrupted`; arrays hold what was written until then */
  NEREID_INTERNAL = 5     /* a fault of Nereid: the error has a command that reproduces it */
} nereid_status;

typedef struct {
  char* data; /* ends in a zero byte, which `size` does not count */
  size_t size;
} nereid_text;

typedef struct {
  const char* path;
  const char* text;
  const char* shown; /* the path that messages name, where that is another one; may be null */
} nereid_file;

typedef struct {
  const char* path;   /* .py: Triton source; .ttir: MLIR text */
  const char* source; /* the file's text; null: it is read from `path` */
  const char* kernel; /* null: the only one in the file */
  /* One item a parameter, as in Triton's AOT tool: "*fp32:16", "i32", "1024"; empty where a constant supplies it. */
  const char* const* signature;
  size_t signature_size;
  /* Constexprs as Python literals. */
  const char* const* constant_names;
  const char* const* constant_values;
  size_t constants_size;
  const char* target; /* of nereid_compile and nereid_artefacts */
  int debug; /* whether Python source keeps `assert` and tl.device_assert and checks integers for overflow, as with TRITON_DEBUG=1 */
  /* Files that are given rather than read; `source` may be one of them. */
  const nereid_file* files;
  size_t files_size;
  void (*print)(void* user, const char* text, size_t size); /* the text of tl.static_print; null: to stderr */
  void* user;
  nereid_text* diagnostics; /* if not null: what an error says, as JSON */
  /* Evaluates a Python expression, for bodies of constexpr functions; the answer is given by one call of `answer`. 1: a literal. 0: three
   * lines, the exception's class, where it was raised and its text. Null: the compiler's own evaluator runs them. */
  int (*python)(void* user, const char* expression, size_t size, void (*answer)(void* to, const char* text, size_t size), void* to);
} nereid_request;

typedef struct {
  uint64_t bits;  /* the address of an array, or the bits of a scalar */
  uint64_t bytes; /* of the array, for checking bounds; 0 for a scalar */
} nereid_arg;

/* An argument that is an array, for messages of checks. */
typedef struct {
  uint64_t base, bytes;           /* the memory that it covers; of strides below zero the base is not the address of the first element */
  uint32_t element_bytes, rank;   /* rank 0 and no bytes: a scalar */
  const int64_t *shape, *strides; /* strides in elements */
  int written;                    /* whether it is known that the kernel stores to it */
} nereid_array;

typedef struct {
  uint32_t grid[3];
  int threads;      /* 0: as NEREID_NUM_THREADS or the machine says */
  int check_bounds; /* interpreter only: report the first access outside the arrays */
  void (*print)(void* user, const char* line,
                size_t size); /* lines of tl.device_print; null: dropped by the interpreter, to stdout elsewhere */
  void* user;
  double* microseconds; /* if not null: after a few launches for warm-up `runs` more, and the time of each */
  int runs;
  int check_races;                /* interpreter only: report the first access that races with another program's */
  int (*interrupted)(void* user); /* called in the calling thread every 50 ms or so while the kernel runs; if it returns 1, the launch
                                     stops. May be null */
  const nereid_array* arrays;     /* interpreter only: one an argument, in place of the sizes in nereid_arg; may be null */
  /* Interpreter only: called after the launch with one line for each output array that has elements which the kernel neither wrote nor
   * read. May be null. */
  void (*unwritten)(void* user, const char* line, size_t size);
} nereid_launch_options;

typedef struct nereid_kernel nereid_kernel;

const char* nereid_version(void);
void nereid_free(nereid_text text);

/* JSON: the targets that this build has, whether they run here (what is missing, what was found), and the operations of the IR. */
nereid_text nereid_targets(void);
nereid_text nereid_ops(void);

/* The processor that kernels are compiled for: its name and features. */
const char* nereid_processor(void);
/* How many threads a launch takes that does not say; to set it, 0: as NEREID_NUM_THREADS or the machine says. */
int nereid_num_threads(void);
void nereid_set_num_threads(int threads);

/* JSON: name and parameters of the kernel, before anything is compiled. */
nereid_status nereid_describe(const nereid_request* request, nereid_text* json, nereid_text* error);
/* The text of one stage: tokens, ast, ttir, passes, schedule, lower, threads, llvm, asm, wat, wgsl. "wat+lines" and the like also tell
 * lines of the source. */
nereid_status nereid_emit(const nereid_request* request, const char* stage, nereid_text* text, nereid_text* error);
/* A kernel that can be launched in this process. */
nereid_status nereid_compile(const nereid_request* request, nereid_kernel** kernel, nereid_text* error);
/* Files to ship, written to `directory`; JSON: their names. */
nereid_status nereid_artefacts(const nereid_request* request, const char* directory, nereid_text* json, nereid_text* error);
/* A compiled kernel as bytes, for keeping on a disk, and back. What was damaged, or is of another version or processor, is NEREID_MISUSE.
 */
nereid_status nereid_kernel_save(const nereid_kernel* kernel, nereid_text* bytes, nereid_text* error);
nereid_status nereid_kernel_load(const char* bytes, size_t size, nereid_kernel** kernel, nereid_text* error);
/* JSON: the parameters that a launch takes, with their types; "writes" of arrays where it is known. */
nereid_text nereid_kernel_describe(const nereid_kernel* kernel);
nereid_status nereid_launch(nereid_kernel* kernel, const nereid_arg* args, size_t count, const nereid_launch_options* options,
                            nereid_text* error);
void nereid_kernel_free(nereid_kernel* kernel);

/* What a kernel for the target `cpu` is underneath, for callers who bring their own threads. One call of `run` computes programs begin,
 * begin + 1, ..., end - 1 of the grid, x fastest, in the calling thread; it may be called from several at once, each with scratch memory of
 * its own. `args[i]` is the array itself where `is_array[i]`, else the address of the scalar's bits. All of it lives as long as the kernel.
 */
typedef struct {
  void (*run)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);
  size_t scratch_bytes; /* aligned to 64 */
  size_t count;         /* of arguments */
  const unsigned char* is_array;
} nereid_entry;
nereid_status nereid_kernel_entry(const nereid_kernel* kernel, nereid_entry* entry, nereid_text* error);

/* What kernels say while `run` is called in a thread: assertions that failed (`failed` is 1; the other programs run on) and what
 * tl.device_print prints. */
typedef struct {
  void (*hear)(void* user, int failed, const char* text, size_t size);
  void* user;
} nereid_listener;
/* Sets who hears it in this thread, null: nobody, and returns who did. */
const nereid_listener* nereid_listen(const nereid_listener* listener);

#ifdef __cplusplus
}
#endif

#endif

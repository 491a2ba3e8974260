/* SPDX-License-Identifier: MIT
 * BoringSSL and its offspring report an error with the path of the source file and a number for the
 * reason (OPENSSL_PUT_ERROR in their err.h). Both stay in a stripped executable: which reasons the
 * functions of one source file report tells them apart, in any build of any version that keeps
 * these errors, which are part of the API.
 */
#ifndef TP_TLS_BORINGSSL_ERRORS_H
#define TP_TLS_BORINGSSL_ERRORS_H

#include <tokprof/plugin.h>

#define ERROR_REASONS 512u
#define ERROR_CALLS_MAX 48u
#define ERROR_FUNCTIONS_MAX 192u

/* A function that reports errors. */
struct error_function {
    uint64_t start;
    uint64_t last; /* its last reference to the path */
    uint64_t end;  /* 0: not known */
    bool unwind;   /* its start is told by an unwind entry */
    bool readable; /* its instructions could be followed to all its references */
    uint32_t references;
    uint64_t reported[ERROR_REASONS / 64]; /* reasons given beside the path */
    uint64_t loaded[ERROR_REASONS / 64];   /* numbers that might be reasons, anywhere in it */
    uint64_t call[ERROR_CALLS_MAX];        /* addresses called */
    uint32_t calls;
};

struct error_functions {
    size_t count;
    struct error_function function[ERROR_FUNCTIONS_MAX];
};

/* All functions that refer to the mark, a path. 0 or negative errno; -E2BIG: more than a source
 * file has. To be freed with free(). */
int errors_collect(const struct tp_elf_view *elf, const struct tp_elf_mark *path,
                   struct error_functions **ret_functions);

bool error_reported(const struct error_function *f, unsigned int reason);
bool error_loaded(const struct error_function *f, unsigned int reason);
unsigned int errors_reported(const struct error_function *f);
bool error_calls(const struct error_function *f, uint64_t address);

/* Whether a probe at the function's start cannot harm: an unwind entry begins there, or something
 * calls it. */
bool error_function_certain(const struct tp_elf_view *elf, const struct error_function *f);

#endif

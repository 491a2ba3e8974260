/* SPDX-License-Identifier: MIT
 * A program as Go's toolchain made them, as far as a locator and a probe look: the table of
 * functions in one of its layouts (TABLE: 12, 116 or 118), and the two functions that move bytes,
 * compiled for the stack or, with TABLE 118, for registers. `sample_go COUNT` makes so many model
 * calls through them, of which nothing goes over a network.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Go's struct g begins so; the pointer to it is the thread's first variable below fs. */
struct goroutine {
    uintptr_t low, high, guard;
};
__thread struct goroutine *current;

#if TABLE == 12
#define ROW(start, description) ".quad " start ", " description " - table\n"
#define DESCRIPTION(start, name) ".quad " start "\n.long " name " - table, 0\n"
#define HEAD ".long 0xfffffffb\n.byte 0, 0, 1, 8\n.quad 2\n"
#define NAMES_FIRST ""
#define NAMES_LAST NAMES
#elif TABLE == 116
#define ROW(start, description) ".quad " start ", " description " - rows\n"
#define DESCRIPTION(start, name) ".quad " start "\n.long " name " - names, 0\n"
#define HEAD                                                                                       \
    ".long 0xfffffffa\n.byte 0, 0, 1, 8\n.quad 2, 0, names - table, names_end - table\n"           \
    ".quad names_end - table, names_end - table, rows - table\n"
#define NAMES_FIRST NAMES
#define NAMES_LAST ""
#else
#define ROW(start, description) ".long " start " - text_start, " description " - rows\n"
#define DESCRIPTION(start, name) ".long " start " - text_start, " name " - names\n"
#define HEAD                                                                                       \
    ".long 0xfffffff1\n.byte 0, 0, 1, 8\n.quad 2, 0, text_start, names - table\n"                  \
    ".quad names_end - table, names_end - table, names_end - table, rows - table\n"
#define NAMES_FIRST NAMES
#define NAMES_LAST ""
#endif
#if TABLE == 118
#define END ".long go_end - text_start\n"
#else
#define END ".quad go_end\n"
#endif
#define NAMES                                                                                      \
    "names: .asciz \"main.crypto/tls.(*Conn).Write\"\n"                                            \
    "name_write: .asciz \"crypto/tls.(*Conn).Write\"\n"                                            \
    "name_read: .asciz \"crypto/tls.(*Conn).Read\"\n"                                              \
    "names_end:\n.balign 8\n"

/* Write takes all of its buffer. Read finds in the buffer's capacity where to take the bytes from.
 */
#if TABLE == 118
#define GOROUTINE_CHECK(self) "cmp 16(%r14), %rsp\njbe 9f\n"
#define WRITE_BODY "mov %rcx, %rax\n"
#define READ_BODY "mov %rdi, %rsi\nmov %rbx, %rdi\nmov %rcx, %rax\nrep movsb\n"
#else
#define GOROUTINE_CHECK(self) "movq %fs:0xfffffffffffffff8, %rcx\ncmp 16(%rcx), %rsp\njbe 9f\n"
#define WRITE_BODY "mov 24(%rsp), %rax\nmov %rax, 40(%rsp)\nxor %eax, %eax\n"
#define READ_BODY                                                                                  \
    "mov 16(%rsp), %rdi\nmov 32(%rsp), %rsi\nmov 24(%rsp), %rcx\nmov %rcx, 40(%rsp)\nrep movsb\n"  \
    "xor %eax, %eax\n"
#endif
#define FUNCTION(name, body)                                                                       \
    ".balign 32, 0xcc\n" name ":\n" GOROUTINE_CHECK(name) body "ret\n9: .byte 0xe9\n.long " name   \
                                                               " - 8f\n8:\n"

__asm__(".text\n.globl text_start, go_write, go_read\n.type go_write, @function\n.type go_read, "
        "@function\n.balign 32\ntext_start:\n" FUNCTION("go_write", WRITE_BODY)
            FUNCTION("go_read", READ_BODY) ".balign 32, 0xcc\ngo_end:\n"
                                           ".section .gopclntab, \"a\"\n"
                                           ".balign 32\ntable:\n" HEAD NAMES_FIRST
                                           "rows:\n" ROW("go_write", "about_write")
                                               ROW("go_read", "about_read") END
        ".balign 8\nabout_write:\n" DESCRIPTION(
            "go_write", "name_write") "about_read:\n" DESCRIPTION("go_read", "name_read") NAMES_LAST
        ".balign 8\n"
        ".zero 64\n"
        ".text\n");

/* Calls one of them: function(conn, data, length, capacity). */
#if TABLE == 118
#define CALL(function)                                                                             \
    __asm__ volatile("mov %5, %%r14\ncall " function "\n"                                          \
                     : "=a"(result), "+b"(data), "+c"(length), "+D"(capacity)                      \
                     : "0"(conn), "r"(current)                                                     \
                     : "rsi", "r14", "memory", "cc")
#else
#define CALL(function)                                                                             \
    __asm__ volatile("sub $64, %%rsp\nmov %1, (%%rsp)\nmov %2, 8(%%rsp)\nmov %3, 16(%%rsp)\n"      \
                     "mov %4, 24(%%rsp)\ncall " function "\nmov 32(%%rsp), %0\nadd $64, %%rsp\n"   \
                     : "=&r"(result)                                                               \
                     : "r"(conn), "r"(data), "r"(length), "r"(capacity)                            \
                     : "rax", "rcx", "rsi", "rdi", "memory", "cc")
#endif

static uint64_t conn_write(void *conn, const char *data, uint64_t length)
{
    uint64_t result, capacity = length;
    CALL("go_write");
    return result;
}

static uint64_t conn_read(void *conn, char *data, uint64_t length, const char *capacity)
{
    uint64_t result;
    CALL("go_read");
    return result;
}

static int one_call(void *conn, int number)
{
    char body[128], message[512], received[512] = "";
    int n = snprintf(body, sizeof(body),
                     "{\"model\":\"old-%d\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
                     number);
    int bytes = snprintf(message, sizeof(message),
                         "POST /v1/chat/completions HTTP/1.1\r\nHost: api.invalid\r\n"
                         "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                         n, body);
    if (conn_write(conn, message, (uint64_t)bytes) != (uint64_t)bytes)
        return 1;
    n = snprintf(body, sizeof(body),
                 "{\"model\":\"old-%d\",\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":7}}",
                 number, 100 + number);
    bytes = snprintf(message, sizeof(message),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     n, body);
    uint64_t moved = conn_read(conn, received, (uint64_t)bytes, message);
    return moved != (uint64_t)bytes || strcmp(received, message) != 0;
}

int main(int argc, char **argv)
{
    static int conn;
    static struct goroutine g;
    int failed = 0;

    g.high = (uintptr_t)&argv + 65536;
    current = &g;
    for (int i = 0; i < (argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0); i++)
        failed |= one_call(&conn, i);
    return failed;
}

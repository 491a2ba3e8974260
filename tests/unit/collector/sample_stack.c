/* SPDX-License-Identifier: MIT
 * Programs that report errors as TLS libraries do, and do nothing else: to be stripped and looked
 * into. SAMPLE says which library's habits they have. Nothing runs them.
 */
#define APART __attribute__((noinline, noclone, used))

int elsewhere;

#if SAMPLE == 1 || SAMPLE == 2 /* BoringSSL's calls; 2: one of them twice */
#define PATH "vendor/boringssl/ssl/ssl_lib.cc"

APART void put_error(int library, int unused, int reason, const char *file, unsigned int line)
{
    elsewhere = library + unused + reason + file[0] + (int)line;
}

APART int sample_read_inside(int *conn)
{
    if (conn[3] == 0) {
        put_error(16, 0, 226, PATH, 836);
        return -1;
    }
    if (conn[4] < 0) {
        put_error(16, 0, 215, PATH, 869);
        return -1;
    }
    return conn[5] + elsewhere;
}

APART int sample_read(int *conn, int n)
{
    if (conn[2] != 0) {
        put_error(16, 0, 66, PATH, 928);
        return -1;
    }
    int result = sample_read_inside(conn);
    if (result > n)
        elsewhere = n;
    return result;
}

#define WRITE(name)                                                                                \
    APART int name(int *conn, int n)                                                               \
    {                                                                                              \
        if (conn[2] != 0) {                                                                        \
            put_error(16, 0, 66, PATH, 949);                                                       \
            return -1;                                                                             \
        }                                                                                          \
        if (conn[3] == 0) {                                                                        \
            put_error(16, 0, 226, PATH, 954);                                                      \
            return -1;                                                                             \
        }                                                                                          \
        if (conn[4] < 0) {                                                                         \
            put_error(16, 0, 215, PATH, 969);                                                      \
            return -1;                                                                             \
        }                                                                                          \
        if (n < 0) {                                                                               \
            put_error(16, 0, 111, PATH, 975);                                                      \
            return -1;                                                                             \
        }                                                                                          \
        return n + elsewhere;                                                                      \
    }
WRITE(sample_write)
#if SAMPLE == 2
WRITE(sample_write_again)
#endif

#elif SAMPLE == 3 /* AWS-LC's cipher functions */
#define PATH "aws-lc/crypto/fipsmodule/cipher/aead.c"

APART void put_error(int library, int unused, int reason, const char *file, unsigned int line)
{
    elsewhere = library + unused + reason + file[0] + (int)line;
}

#define REPORT(condition, reason, line)                                                            \
    if (condition)                                                                                 \
        put_error(30, 0, reason, PATH, line);
#define FUNCTION(name, a, b, c)                                                                    \
    APART int name(int *conn, int n)                                                               \
    {                                                                                              \
        REPORT(conn[1] > n, a, 10)                                                                 \
        REPORT(conn[2] > n, b, 20)                                                                 \
        REPORT(conn[3] > n, c, 30)                                                                 \
        return elsewhere;                                                                          \
    }
FUNCTION(sample_seal, 103, 115, 117)
FUNCTION(sample_seal_scatter, 112, 115, 115)
FUNCTION(sample_open, 101, 103, 115)
FUNCTION(sample_open_gather, 104, 115, 115)

#else /* OpenSSL 3's errors by name */
APART void set_debug(const char *file, int line, const char *function)
{
    elsewhere = file[0] + line + function[0];
}

APART int ssl_read_inside(int *conn, void *data, unsigned long n,
                          unsigned long *ret_n) __asm__("sample_read");
int ssl_read_inside(int *conn, void *data, unsigned long n, unsigned long *ret_n)
{
    if (!conn)
        set_debug("ssl/ssl_lib.c", 1, "ssl_read_internal");
    *ret_n = n + (data ? 1 : 0);
    return 1;
}

#if SAMPLE == 4 /* from 3.3 on */
#define FLAGS unsigned long flags,
#define NO_FLAGS 0,
#else
#define FLAGS
#define NO_FLAGS
#endif
APART int ssl_write_inside(int *conn, const void *data, unsigned long n,
                           FLAGS unsigned long *ret_n) __asm__("sample_write");
int ssl_write_inside(int *conn, const void *data, unsigned long n, FLAGS unsigned long *ret_n)
{
    if (!conn)
        set_debug("ssl/ssl_lib.c", 2, "ssl_write_internal");
    *ret_n = n + (data ? 1 : 0);
    return 1;
}
#endif

void start(int *conn)
{
#if SAMPLE <= 2
    elsewhere = sample_read(conn, 3) + sample_write(conn, 4);
#if SAMPLE == 2
    elsewhere += sample_write_again(conn, 5);
#endif
#elif SAMPLE == 3
    elsewhere = sample_seal(conn, 1) + sample_seal_scatter(conn, 2) + sample_open(conn, 3) +
                sample_open_gather(conn, 4);
#else
    unsigned long n = 0;
    elsewhere = ssl_read_inside(conn, conn, 5, &n) + ssl_write_inside(conn, conn, 5, NO_FLAGS & n);
#endif
}

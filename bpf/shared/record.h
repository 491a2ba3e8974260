/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * The records that the BPF programs hand to the collector, and the maps' keys and values that both
 * sides touch. Included by bpf/ (kernel) and collector/ (user space): fixed-width types only,
 * padding spelled out and zeroed, sizes asserted on both sides. A reader accepts a longer record
 * than it knows.
 */
#ifndef TP_RECORD_H
#define TP_RECORD_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t tp_u8;
typedef uint16_t tp_u16;
typedef uint32_t tp_u32;
typedef uint64_t tp_u64;
#else
typedef unsigned char tp_u8;
typedef unsigned short tp_u16;
typedef unsigned int tp_u32;
typedef unsigned long long tp_u64;
#endif

#define TP_RECORD_VERSION 2

/* Payload bytes that one data record can hold at the most. */
#define TP_CHUNK_BYTES_MAX (64u * 1024u)
/* Bytes of one SSL_read or SSL_write that are copied; what is beyond is counted as lost (too_long).
 */
#define TP_CALL_BYTES_MAX (16u * 1024u * 1024u)
#define TP_COMM_BYTES 16

enum tp_record_type {
    TP_RECORD_DATA = 1,  /* data ring: struct tp_data_record */
    TP_RECORD_CLOSE = 2, /* data ring: struct tp_close_record */
    TP_RECORD_FORK = 3,  /* process ring: struct tp_process_record */
    TP_RECORD_EXEC = 4,  /* process ring */
    TP_RECORD_EXIT = 5,  /* process ring; the thread group leader's exit */
    TP_RECORD_LINK = 6,  /* data ring: struct tp_link_record */
};

enum tp_direction {
    TP_DIR_READ = 0,  /* the process received these bytes */
    TP_DIR_WRITE = 1, /* the process sent these bytes */
};

/* Why bytes or records are missing; index of struct tp_counters.lost_bytes and .lost_records. */
enum tp_loss_reason {
    TP_LOSS_RING_FULL = 0, /* bpf_ringbuf_reserve failed */
    TP_LOSS_READ_FAULT,    /* the process's memory could not be read */
    TP_LOSS_MAP_FULL,      /* no room for the stream, the pending call or the process */
    TP_LOSS_TOO_LONG,      /* beyond TP_CALL_BYTES_MAX in one call */
    TP_LOSS_NO_ENTRY,      /* a return was seen whose entry was not (attached in mid-call) */
    TP_LOSS_REASONS
};

/* Ways around the probes: what a watched process moved where nobody looks. Index of
 * struct tp_counters.unseen. */
enum tp_unseen {
    TP_UNSEEN_IO_URING = 0, /* requests on sockets by io_uring */
    TP_UNSEEN_SENDFILE,     /* sendfile or splice on an HTTP connection: a hole of known length */
    TP_UNSEEN_SENDMMSG,     /* sendmmsg or recvmmsg on one */
    TP_UNSEEN_KTLS,         /* connections whose TLS the kernel was asked to do */
    TP_UNSEEN_QUIC,         /* messages sent to UDP port 443 */
    TP_UNSEEN_COMPAT,       /* calls on descriptors by the 32-bit system call table */
    TP_UNSEEN_WAYS
};

/* What a probed function does; as enum tp_tls_site_kind of tokprof/plugin.h. */
enum tp_site {
    TP_SITE_WRITE = 0,
    TP_SITE_READ,
    TP_SITE_NEW,
    TP_SITE_FREE,
    TP_SITE_UP_REF,
    TP_SITE_SEAL,
    TP_SITE_OPEN,
    TP_SITE_LEAVE,
};

/* How it says what it moved; as enum tp_tls_result. */
enum tp_site_result {
    TP_RESULT_NOTHING = 0,
    TP_RESULT_INT,
    TP_RESULT_LONG,
    TP_RESULT_COUNT_AT,
    TP_RESULT_ALL,
    TP_RESULT_AT_ONCE,
};

/* As the members of struct tp_tls_site. */
enum tp_site_value {
    TP_VALUE_CONN = 0,
    TP_VALUE_DATA,
    TP_VALUE_LENGTH,
    TP_VALUE_COUNT,
    TP_VALUE_THREAD,
    TP_VALUE_STACK_TOP,
    TP_VALUE_AD,
    TP_VALUE_AD_LENGTH,
    TP_VALUE_WIRE,
    TP_VALUE_NONCE,
    TP_VALUE_EXTRA,
    TP_VALUE_EXTRA_LENGTH,
    TP_VALUE_TAG,
    TP_SITE_VALUES
};

/* Where a value stands: as struct tp_tls_value, the register given by its place in the kernel's
 * struct pt_regs. */
struct tp_value {
    tp_u16 reg; /* offset in bytes, or TP_NO_REGISTER */
    tp_u16 loads;
    short offset[2];
};
#define TP_NO_REGISTER 0xffffu
#define TP_THREAD_POINTER 0xfffeu /* not in pt_regs: the thread's own variables */

/* Element of the table of sites: all places that work alike, of all files, share one. */
struct tp_site_row {
    tp_u8 kind;   /* enum tp_site */
    tp_u8 result; /* enum tp_site_result */
    tp_u16 stack; /* which TLS stack it belongs to */
    tp_u32 pad;
    struct tp_value value[TP_SITE_VALUES];
};
#define TP_SITE_ROWS_MAX 1024u

/* A probe's attach cookie: a row of that table, and a file with a stack in it. */
#define TP_COOKIE(row, target) ((tp_u64)(row) << 32 | (tp_u32)(target))
#define TP_COOKIE_ROW(cookie) ((tp_u32)((cookie) >> 32))
#define TP_COOKIE_TARGET(cookie) ((tp_u32)(cookie))
/* Numbers of targets are below. */
#define TP_TARGETS_MAX 4096u

/* What came by at the cipher functions of one target: did it look like records of TLS? */
struct tp_tally {
    tp_u64 passed, failed;
};
/* No TLS: the bytes of a plain socket. */
#define TP_STACK_NONE 0xffffu
/* Names of sockets (inode numbers) carry this bit, which no user-space pointer has; and this one if
 * the bytes were seen at the cipher, not at the socket. */
#define TP_CONN_SOCKET (1ull << 63)
#define TP_CONN_CIPHER (1ull << 62)

/* Common head of every record. `size` is the whole record's length in bytes, head included; data
 * records are reserved in size classes, so the ring's length may be greater. */
struct tp_record_head {
    tp_u16 type; /* enum tp_record_type */
    tp_u16 version;
    tp_u32 size;
    tp_u64 time_ns; /* CLOCK_MONOTONIC, when the record was made (for data: at return) */
    tp_u32 pid;     /* thread group id, in the collector's PID namespace */
    tp_u32 tid;
};

/* One piece of what a TLS call moved. A call of n bytes gives ceil(n / TP_CHUNK_BYTES_MAX) records,
 * of which any may be missing: the offsets tell. Offsets count bytes accepted since the stream was
 * first seen, whether or not they were copied, so that a hole has an exact place and length. */
struct tp_data_record {
    struct tp_record_head head;
    tp_u64 conn; /* the stack's connection object, e.g. the SSL pointer */
    tp_u64
        generation;  /* CLOCK_MONOTONIC ns at which (pid, conn) was first seen: unique with them */
    tp_u64 entry_ns; /* when the call was entered */
    tp_u64 offset;   /* of data[0] in this direction */
    tp_u64 peer_offset; /* bytes moved in the other direction when this record was made */
    tp_u32 length;      /* payload bytes that this record stands for */
    tp_u8 direction;    /* enum tp_direction */
    tp_u8 failed; /* 1: the bytes could not be read; no payload follows (counted READ_FAULT) */
    tp_u16 stack; /* which TLS stack's probe made this, or TP_STACK_NONE */
    tp_u32 target; /* which file's */
    tp_u32 unlinked; /* 1: `conn` is a cipher context, its socket not yet known */
    /* tp_u8 data[length] follows */
};

/* The socket behind a cipher context became known. What was told of the context's stream is the
 * socket's, in this direction, from `offset` on. */
struct tp_link_record {
    struct tp_record_head head;
    tp_u64 from, from_generation; /* the context */
    tp_u64 conn, generation;      /* the socket */
    tp_u64 offset;                /* of the stream's first byte */
    tp_u64 peer_offset;           /* what had gone the other way */
    tp_u32 direction;             /* enum tp_direction */
    tp_u32 pad;
};

/* A connection object is gone (its last SSL_free) or reused (SSL_new). The final offsets reveal a hole at
 * the end. */
struct tp_close_record {
    struct tp_record_head head;
    tp_u64 conn;
    tp_u64 generation;
    tp_u64 offset[2];    /* by enum tp_direction */
    tp_u64 lost_bytes;   /* of both directions, not copied, whatever the reason */
    tp_u32 lost_records; /* reserves and reads that failed */
    tp_u32 pad;
};

struct tp_process_record {
    struct tp_record_head head; /* head.pid: the process itself (FORK: the child) */
    tp_u32 parent_pid;
    tp_u32 exit_code; /* EXIT: as wait status */
    tp_u64 start_ns;  /* process start, CLOCK_BOOTTIME, as in /proc/PID/stat but in ns */
    char comm[TP_COMM_BYTES];
};

/* Value of the stream table: key struct tp_stream_key. */
struct tp_stream_key {
    tp_u64 conn;
    tp_u32 pid;
    tp_u32 pad;
};

struct tp_stream_state {
    tp_u64 generation;
    tp_u64 offset[2];    /* bytes accepted, by enum tp_direction */
    tp_u64 lost_bytes;   /* of those, not copied */
    tp_u32 lost_records; /* reserves and reads that failed */
    tp_u32 references;   /* taken besides the first one: so many more SSL_free end nothing */
};

enum tp_socket_verdict {
    TP_SOCKET_UNDECIDED = 0, /* nothing seen yet that looks like HTTP */
    TP_SOCKET_HTTP,          /* its bytes are copied */
    TP_SOCKET_OTHER,         /* never looked at again */
};

/* Value of the socket table: key is the connection's name, TP_CONN_SOCKET | inode. Offsets count
 * from the first bytes that look like HTTP. */
struct tp_socket_state {
    struct tp_stream_state stream;
    tp_u32 pid;     /* the process that used it first; its records say so */
    tp_u16 verdict; /* enum tp_socket_verdict */
    tp_u16 tries;   /* pieces that told nothing */
};

/* Per-CPU ledger. For all streams and at any rest: seen = copied + sum(lost_bytes). */
struct tp_counters {
    tp_u64 seen_bytes;
    tp_u64 copied_bytes;
    tp_u64 records;
    tp_u64 lost_bytes[TP_LOSS_REASONS];
    tp_u64 lost_records[TP_LOSS_REASONS];
    tp_u64 lost_processes; /* fork, exec or exit records that found no room */
    tp_u64 unseen[TP_UNSEEN_WAYS];
};

_Static_assert(sizeof(struct tp_record_head) == 24, "record head");
_Static_assert(sizeof(struct tp_data_record) == 80, "data record");
_Static_assert(sizeof(struct tp_link_record) == 80, "link record");
_Static_assert(sizeof(struct tp_site_row) == 112, "site row");
_Static_assert(sizeof(struct tp_close_record) == 72, "close record");
_Static_assert(sizeof(struct tp_process_record) == 56, "process record");
_Static_assert(sizeof(struct tp_stream_key) == 16, "stream key");
_Static_assert(sizeof(struct tp_stream_state) == 40, "stream state");
_Static_assert(sizeof(struct tp_socket_state) == 48, "socket state");

#endif

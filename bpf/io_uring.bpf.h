/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * io_uring: requests on sockets are counted, for their bytes go past the system calls. Which
 * requests those are is told by opcode (linux/io_uring.h).
 */
#ifndef TP_IO_URING_BPF_H
#define TP_IO_URING_BPF_H

#include "bpf/plain.bpf.h"

struct io_kiocb {
    tp_u8 opcode;
} __attribute__((preserve_access_index));

static __always_inline int on_io_uring(tp_u8 opcode)
{
    struct tp_ids ids;

    switch (opcode) {
    case 9:  /* SENDMSG */
    case 10: /* RECVMSG */
    case 26: /* SEND */
    case 27: /* RECV */
    case 47: /* SEND_ZC */
    case 48: /* SENDMSG_ZC */
        ids_of_current(&ids);
        if (is_watched(ids.own))
            count_unseen(TP_UNSEEN_IO_URING, 1);
    }
    return 0;
}

/* From 6.0 on. */
struct io_kiocb___commands {
    struct {
        int first;
    } cmd;
} __attribute__((preserve_access_index));

static __always_inline int on_io_uring_handed(const struct io_kiocb *request)
{
    return bpf_core_field_exists(request->opcode) ? on_io_uring(BPF_CORE_READ(request, opcode)) : 0;
}

/* From 6.3. */
SEC("raw_tp/io_uring_submit_req")
int on_io_uring_request(struct bpf_raw_tracepoint_args *ctx)
{
    return on_io_uring_handed((void *)ctx->args[0]);
}

/* Until 6.2: the request; before 6.0 (ring, opcode, user_data, ...), in most with the request in
 * front of the opcode; a kernel pointer is no opcode. */
SEC("raw_tp/io_uring_submit_sqe")
int on_io_uring_sqe(struct bpf_raw_tracepoint_args *ctx)
{
    struct io_kiocb___commands *request = (void *)ctx->args[0];

    if (bpf_core_field_exists(request->cmd))
        return on_io_uring_handed((void *)request);
    tp_u64 opcode = ctx->args[1] < 256 ? ctx->args[1] : ctx->args[2];
    return opcode < 256 ? on_io_uring(opcode) : 0;
}

#endif

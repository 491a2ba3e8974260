/* SPDX-License-Identifier: MIT */
#include "collector/multi.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From kernel 6.6's include/uapi/linux/bpf.h; the floor's header does not have them. */
#define TRACE_UPROBE_MULTI 48
#define UPROBE_MULTI_RETURN 1u

/* The uprobe_multi form of BPF_LINK_CREATE's attributes. */
struct multi_attributes {
    uint32_t program_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t ref_ctr_offsets;
    uint64_t cookies;
    uint32_t count;
    uint32_t multi_flags;
    uint32_t pid;
    uint32_t pad;
};

static int link_create(int program_fd, const char *path, const uint64_t *offsets,
                       const uint64_t *cookies, size_t count, bool at_return)
{
    struct multi_attributes attr = {
        .program_fd = (uint32_t)program_fd,
        .attach_type = TRACE_UPROBE_MULTI,
        .path = (uint64_t)(uintptr_t)path,
        .offsets = (uint64_t)(uintptr_t)offsets,
        .cookies = (uint64_t)(uintptr_t)cookies,
        .count = (uint32_t)count,
        .multi_flags = at_return ? UPROBE_MULTI_RETURN : 0,
    };
    int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
    return fd < 0 ? -errno : fd;
}

/* A kernel that knows the type goes as far as the path, which is a directory: EBADF. */
bool tp_multi_available(void)
{
    const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = TRACE_UPROBE_MULTI);
    const uint64_t zero = 0;

    int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", nothing, 2, &opts);
    if (fd < 0)
        return false;
    int link = link_create(fd, "/", &zero, NULL, 1, false);
    close(fd);
    if (link >= 0)
        close(link);
    return link == -EBADF;
}

void tp_multi_prepare(struct bpf_program *program)
{
    bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

int tp_multi_attach(const struct bpf_program *program, const char *path, const uint64_t *offsets,
                    const uint64_t *cookies, size_t count, bool at_return)
{
    return link_create(bpf_program__fd(program), path, offsets, cookies, count, at_return);
}

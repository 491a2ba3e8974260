/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/tokrec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tp_tokrec_reader *r;
    msgpack_object event;
    int fd = memfd_create("tokrec", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    lseek(fd, 0, SEEK_SET);
    if (tp_tokrec_reader_new(&r, fd) < 0)
        return 0;
    while (tp_tokrec_next(r, &event) == 1)
        ;
    tp_tokrec_reader_free(r);
    return 0;
}

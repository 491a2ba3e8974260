/* SPDX-License-Identifier: MIT
 * A user's price file, and a call priced by it. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/prices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tp_prices *prices;
    char path[40];
    int fd = memfd_create("prices", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size && tp_prices_load(&prices, path) == 0)
        tp_prices_free(prices);
    close(fd);
    return 0;
}

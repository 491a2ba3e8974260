/* SPDX-License-Identifier: MIT
 * Locators: any bytes as an executable that might hold a TLS stack. What they answer must be fit
 * for the kernel.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/locate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tp_location location;
    int fd = memfd_create("elf", MFD_CLOEXEC);

    if (fd < 0)
        return 0;
    if (write(fd, data, size) == (ssize_t)size && tp_locate(NULL, fd, "input", &location) == 0 &&
        !tp_location_sound(&location, size))
        abort();
    close(fd);
    return 0;
}

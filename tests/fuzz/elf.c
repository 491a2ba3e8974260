/* SPDX-License-Identifier: MIT
 * The ELF view: any bytes as a library that a watched process mapped.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *cx, enum tp_elf_dynamic what, const char *text)
{
    (void)what;
    for (; *text; text++)
        ++*(size_t *)cx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"SSL_read", "SSL_write", "SSL_write_early_data", ""};
    char id[TP_BUILD_ID_HEX_MAX];
    struct tp_elf *elf;
    size_t sum = 0;
    int fd = memfd_create("elf", MFD_CLOEXEC);

    if (fd < 0)
        return 0;
    if (write(fd, data, size) == (ssize_t)size && tp_elf_open(&elf, fd, "input") == 0) {
        const struct tp_elf_view *view = tp_elf_view(elf);
        uint64_t offset;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            view->symbol(view->host, names[i], &offset);
        tp_elf_build_id(elf, id);
        tp_elf_dynamic(elf, ignore, &sum);
        tp_elf_close(elf);
    }
    close(fd);
    return 0;
}

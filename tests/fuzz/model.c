/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/model/model.h"
#include "common/tokrec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Conservation, whatever the events say. */
static void check(void *cx, const struct tp_row *row)
{
    int64_t sum = 0, expected = row->usage.tokens[TP_USAGE_INPUT];
    (void)cx;
    for (size_t i = 0; i < row->part_count && expected >= 0; i++)
        sum += row->parts[i].tokens;
    if (expected >= 0 && sum != expected)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tp_model_ops ops = {.call = check};
    static struct tp_prices *prices;
    struct tp_tokrec_reader *r;
    msgpack_object event;
    int fd = memfd_create("events", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    if (!prices && tp_prices_load(&prices, NULL) < 0)
        return 0;
    lseek(fd, 0, SEEK_SET);
    if (tp_tokrec_reader_new(&r, fd) < 0)
        return 0;
    struct tp_model *model = tp_model_new(&ops, NULL, prices, NULL);
    while (model && tp_tokrec_next(r, &event) == 1)
        tp_model_event(model, &event);
    if (model)
        tp_model_finish(model);
    tp_model_free(model);
    tp_tokrec_reader_free(r);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * One message head, and what is asked of it. */
#include "collector/http_head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tp_head head;
    if (tp_head_parse(&head, data, size))
        return 0;
    const char *coding = tp_http_field(&head.http, "transfer-encoding");
    if (tp_head_content_length(&head) < -2 || head.count > TP_HEAD_FIELDS_MAX)
        abort();
    (void)tp_head_has_token(coding, "chunked");
    for (size_t i = 0; i < head.count; i++) /* repeated fields were joined */
        if (tp_http_field(&head.http, head.fields[i].name) != head.fields[i].value ||
            strlen(head.fields[i].value) > 4 * size)
            abort();
    tp_head_done(&head);
    return 0;
}

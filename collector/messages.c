/* SPDX-License-Identifier: MIT */
#include "collector/messages.h"

#include <stdio.h>
#include <string.h>

void tp_message_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

void tp_message_put_target(struct tp_message *message, const struct tp_target *target)
{
    *message = (struct tp_message){.kind = TP_TELL_TARGET};
    tp_message_text(message->target.file, sizeof(message->target.file), target->file);
    tp_message_text(message->target.stack, sizeof(message->target.stack), target->stack);
    tp_message_text(message->target.how, sizeof(message->target.how), target->how);
    tp_message_text(message->target.error, sizeof(message->target.error), target->error);
    memcpy(message->target.build_id, target->build_id, sizeof(message->target.build_id));
    message->target.confidence = target->confidence;
    message->target.late_ns = target->late_ns;
    message->target.attached = !target->error;
}

struct tp_target tp_message_target(const struct tp_message *message)
{
    struct tp_target target = {
        .file = message->target.file,
        .stack = message->target.stack,
        .how = message->target.how,
        .confidence = message->target.confidence,
        .late_ns = message->target.late_ns,
        .error = message->target.attached ? NULL : message->target.error,
    };

    memcpy(target.build_id, message->target.build_id, sizeof(target.build_id));
    return target;
}

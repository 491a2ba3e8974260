/* SPDX-License-Identifier: MIT
 * Says which block of a call's context took how many of the tokens that the provider counted, and
 * sums the blocks up to the parts that a call is shown with. The parts of a side sum to the
 * provider's number, always.
 */
#ifndef TP_PARTS_H
#define TP_PARTS_H

#include "analyzer/model/context.h"

/* What stands around the blocks of one call. */
struct tp_attribution {
    /* The call that this one extends, or NULL. Blocks that it shares have that call's tokens
     * already. */
    const struct tp_context *parent;
    uint32_t shared;     /* leading blocks taken from it */
    bool history_unseen; /* blocks that came before those of the context are not known */
    bool request_holes;  /* bytes of the request are missing */
};

/* Sets tokens and sources in the context's blocks and parts, output parts and their costs in its
 * row. Where the provider's count is unknown, so are the tokens. False without memory. */
bool tp_attribute(struct tp_context *context, const struct tp_attribution *around);

#endif

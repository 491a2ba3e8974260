/* SPDX-License-Identifier: MIT
 * The parser: the process that reads what the watched processes moved, and writes the recording. It
 * has no privilege and can open nothing (child.h): rings, output and channel are handed to it.
 */
#ifndef TP_PARSER_H
#define TP_PARSER_H

#include "collector/identity.h"
#include "collector/options.h"
#include "common/hash.h"

struct tp_parser_options {
    const struct tp_record_options *options;
    const struct tp_identity *user;
    struct tp_hash_key key;
    char tree[17]; /* 16 hex digits that name the tree */
};

/* As tp_child_fn, with the options as cx. The exit status: 0; 1: it failed and has said why. */
int tp_parser_run(void *cx, int channel);

#endif

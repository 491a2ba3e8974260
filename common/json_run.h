/* SPDX-License-Identifier: MIT
 * The bulk of JSON: the inside of strings, decoded a block at a time. Part of the scanner
 * (common/json.h), which handles what stands between the runs.
 */
#ifndef TP_JSON_RUN_H
#define TP_JSON_RUN_H

#include <stddef.h>

/* With less room than this a run does not begin. */
#define TP_JSON_RUN_ROOM 128

/* What a backslash and a byte stand for (RFC 8259 section 7), or 0: all but \u. */
extern const char tp_json_escapes[256];

/* Decodes from [*at, end) into `out`: plain bytes and short escapes, whole ones only. Stops at
 * anything else, when fewer bytes are left than one step takes, or when `room` nears its end; moves
 * *at there. Returns the bytes written; those behind them, up to `room`, are overwritten too. */
size_t tp_json_run(const char **at, const char *end, char *out, size_t room);

#endif

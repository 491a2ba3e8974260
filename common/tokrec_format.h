/* SPDX-License-Identifier: MIT
 * The parts of a recording's form that its writer and its reader share; docs/event-format.md says
 * the rest. Skippable frames: RFC 8878 section 3.1.2.
 */
#ifndef TP_TOKREC_FORMAT_H
#define TP_TOKREC_FORMAT_H

#define TP_TOKREC_SKIPPABLE 0x184D2A5Eu
#define TP_TOKREC_HEADER "TOKREC\0\1" /* 8 bytes; the last is the format's version */
#define TP_TOKREC_INDEX                                                                            \
    "TOKIDX\0\1" /* 8 bytes; then entries, then the index frame's length in 8 bytes */

/* offset, events, first time, last time: 8 bytes each, little endian. */
#define TP_TOKREC_INDEX_ENTRY_BYTES 32

#endif

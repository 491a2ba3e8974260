/* SPDX-License-Identifier: MIT
 * Recordings (*.tokrec): a zstd stream (RFC 8878) of MessagePack events. A skippable frame opens
 * the file (magic 0x184D2A5E, content: the 8 bytes "TOKREC\0" + format version 1); then come zstd
 * frames with content checksums, each holding whole events; a second skippable frame at the end
 * holds the index. `zstd -dc x.tokrec` gives the bare event stream, which the reader takes as well
 * (pipes).
 */
#ifndef TP_TOKREC_H
#define TP_TOKREC_H

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

/* One thread at a time writes. After a failure every call returns that first error, and what was
 * written ends with a whole frame. */
struct tp_tokrec_writer;

/* What the writer makes; the reader takes both. */
enum tp_tokrec_form {
    TP_TOKREC_FILE,   /* framed, checksummed, indexed */
    TP_TOKREC_STREAM, /* bare events, one write each: for pipes */
};

/* Writes to fd, which the writer owns from here (closed by close). Writes the header at once. */
int tp_tokrec_writer_new(struct tp_tokrec_writer **ret_writer, int fd, enum tp_tokrec_form form);
/* Adds one whole event. A frame is ended by itself at 256 KiB of events. 0 or negative errno of a
 * write. */
int tp_tokrec_write(struct tp_tokrec_writer *w, const void *event, size_t n);
/* Ends the frame that is open, so that all events so far can be read back. Cheap when none is open.
 */
int tp_tokrec_flush(struct tp_tokrec_writer *w);
/* Flushes, writes the index, syncs, closes, frees. 0 or the first error. NULL is fine. */
int tp_tokrec_close(struct tp_tokrec_writer *w);

/* Bounded memory, whatever the file claims: a frame's events to 64 MiB, an event to 32 MiB. */
struct tp_tokrec_reader;

/* How the recording ended; known once tp_tokrec_next() has given 0. */
enum tp_tokrec_end {
    TP_TOKREC_WHOLE = 0,   /* ended with its index, or as a bare stream on an event's end */
    TP_TOKREC_CUT = 1,     /* ended in mid-frame or without index: all whole frames were given */
    TP_TOKREC_DAMAGED = 2, /* a checksum or an event was wrong: what stood before was given */
};

/* Reads from fd (a file or a pipe), framed or bare by its first bytes. 0 or negative errno;
 * -EBADMSG: no recording. Owns fd. */
int tp_tokrec_reader_new(struct tp_tokrec_reader **ret_reader, int fd);
/* Next event: 1 and *ret_event (valid until the next call), 0 at the end, negative errno. */
int tp_tokrec_next(struct tp_tokrec_reader *r, msgpack_object *ret_event);
enum tp_tokrec_end tp_tokrec_reader_end(const struct tp_tokrec_reader *r);
/* Closes the descriptor. NULL is fine. */
void tp_tokrec_reader_free(struct tp_tokrec_reader *r);

#endif

/* SPDX-License-Identifier: MIT
 * Amazon's event stream framing (application/vnd.amazon.eventstream), incremental. A message is
 *
 *   total length u32 | headers' length u32 | CRC-32 of these 8 bytes | headers | payload | CRC-32
 *
 * in network order; a header is name length u8, name, type u8, value. Source: "Event stream
 * encoding" in Amazon's Transcribe developer guide and the Smithy specification
 * (https://smithy.io/2.0/aws/amazon-eventstream.html). Payloads are passed on as they come, never
 * held, so a payload's checksum is known only when all of it was handed out: an event whose
 * checksum fails ends with abort().
 */
#ifndef TP_EVENTSTREAM_H
#define TP_EVENTSTREAM_H

#include "collector/sse.h"

/* Limits of the format as Amazon gives them, doubled: past them, no length is believed. */
#define TP_EVENTSTREAM_MESSAGE_MAX (32u << 20)
#define TP_EVENTSTREAM_HEADERS_MAX (256u << 10)

/* All members are the decoder's own; callers use the functions. */
struct tp_eventstream {
    const struct tp_sse_handler *handler;
    void *cx;
    uint8_t state;
    uint8_t prelude[12]; /* the last bytes seen, while a message's beginning is looked for */
    uint8_t have;        /* of prelude, or of a number being read */
    bool in_event;
    bool lost;             /* looking for a message after a hole or a bad one */
    uint32_t crc;          /* of the message so far */
    uint32_t headers_left; /* bytes */
    uint32_t payload_left;
    uint32_t number;     /* being read: a length, or the checksum at the end */
    uint32_t value_left; /* of the header's name or value */
    uint16_t name_len;
    bool value_is_name, failed;
    char header[24]; /* its name, cut to fit */
    char name[TP_SSE_NAME_MAX];
    size_t event_len;
    uint64_t bad_messages; /* checksum or lengths wrong */
    uint64_t bad_bytes;    /* of those whose length was told */
};

/* The handler is that of server-sent events; begin() gets the value of the header `:event-type`,
 * or for an exception that of `:exception-type` or `:error-code`. */
void tp_eventstream_init(struct tp_eventstream *es, const struct tp_sse_handler *handler, void *cx);
void tp_eventstream_feed(struct tp_eventstream *es, const void *data, size_t n);
/* Bytes are missing here: gives the open event up and looks for the next message, which a checksum
 * over its lengths tells apart from anything else. */
void tp_eventstream_hole(struct tp_eventstream *es);
/* No more bytes: an event that is still open was cut, abort() follows. */
void tp_eventstream_end(struct tp_eventstream *es);

/* During an event: whether it says that the call failed (:message-type exception or error). */
bool tp_eventstream_failed(const struct tp_eventstream *es);

#endif

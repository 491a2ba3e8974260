/* SPDX-License-Identifier: MIT
 * WebSocket on one connection (RFC 6455) with permessage-deflate (RFC 7692): each message of the
 * client is a request, the server's messages are its answer, told as an event stream. Whose a
 * message of the server is nothing says: it goes to the oldest request whose answer is not whole.
 */
#ifndef TP_WEBSOCKET_H
#define TP_WEBSOCKET_H

#include "collector/connection.h"

struct tp_websocket;

/* `request` and `answer` are the heads that agreed on it; NULL where they were not seen. NULL
 * without memory. The connection owns it. Roles are known by then. */
struct tp_websocket *tp_websocket_new(struct tp_connection *c, const struct tp_head *request,
                                      const struct tp_http_head *answer);
/* Ends what is open as `why`, or as lost where the end may have been in a hole. Frees. NULL is
 * fine. */
void tp_websocket_end(struct tp_websocket *w, enum tp_exchange_end why);

void tp_websocket_feed(struct tp_websocket *w, enum tp_direction direction, const uint8_t *data,
                       size_t n);
/* `bytes` are missing here, and told from here on. */
void tp_websocket_hole(struct tp_websocket *w, enum tp_direction direction, uint64_t bytes);

/* Does this answer's head, status 101, begin a WebSocket? */
bool tp_websocket_agreed(const struct tp_http_head *answer);

#endif

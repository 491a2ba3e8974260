/* SPDX-License-Identifier: MIT
 * Messages to people, on standard error, one line each, prefixed "tokprof: ". Only programs (main
 * files and the record command) use it; library code returns errors.
 */
#ifndef TP_LOG_H
#define TP_LOG_H

enum tp_log_level { TP_LOG_ERROR = 0, TP_LOG_WARN = 1, TP_LOG_INFO = 2, TP_LOG_DEBUG = 3 };

/* Messages above this level are dropped. Default TP_LOG_INFO. */
void tp_log_set_level(enum tp_log_level level);

/* Errors say the thing, the reason and the way out, in one line without a full stop. Content of
 * the watched processes never goes through these. */
__attribute__((format(printf, 1, 2))) void tp_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void tp_warn(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void tp_info(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void tp_debug(const char *fmt, ...);

#endif

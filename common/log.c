/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

static enum tp_log_level max_level = TP_LOG_INFO;

void tp_log_set_level(enum tp_log_level level)
{
    max_level = level;
}

/* One write per message, so that lines of several processes do not mix. */
static void say(enum tp_log_level level, const char *prefix, const char *fmt, va_list args)
{
    if (level > max_level)
        return;
    char line[2048];
    vsnprintf(line, sizeof(line), fmt, args);
    fprintf(stderr, "tokprof: %s%s\n", prefix, line);
}

void tp_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(TP_LOG_ERROR, "", fmt, args);
    va_end(args);
}

void tp_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(TP_LOG_WARN, "warning: ", fmt, args);
    va_end(args);
}

void tp_info(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(TP_LOG_INFO, "", fmt, args);
    va_end(args);
}

void tp_debug(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(TP_LOG_DEBUG, "debug: ", fmt, args);
    va_end(args);
}

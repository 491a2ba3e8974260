/* SPDX-License-Identifier: MIT
 * tokprof-record: the part of tokprof that probes. `tokprof record ...` runs it with the same
 * words.
 */
#include <stdio.h>
#include <string.h>

#include "collector/record.h"
#include "common/log.h"

int main(int argc, char **argv)
{
    static char name[] = "tokprof record";

    if (argc < 2 || strcmp(argv[1], "record") != 0) {
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
            puts("tokprof " TOKPROF_VERSION);
            return 0;
        }
        tp_error("usage: tokprof-record record [OPTION...] [--] COMMAND [ARG...]");
        return 2;
    }
    argv[1] = name;
    return tp_record_main(argc - 1, argv + 1);
}

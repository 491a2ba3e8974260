/* SPDX-License-Identifier: MIT
 * `tokprof record`: runs a command and writes what it saw.
 */
#ifndef TP_RECORD_COMMAND_H
#define TP_RECORD_COMMAND_H

/* argv[0] is the name to show in usage. Returns the exit status. */
int tp_record_main(int argc, char **argv);

#endif

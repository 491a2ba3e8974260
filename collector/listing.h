/* SPDX-License-Identifier: MIT
 * `tokprof targets`.
 */
#ifndef TP_LISTING_H
#define TP_LISTING_H

/* argv[0] is the name to show. Returns the exit status: 0, or 2 for bad usage. */
int tp_targets_main(int argc, char **argv);

#endif

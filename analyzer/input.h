/* SPDX-License-Identifier: MIT
 * The recordings that a subcommand was given: opened, merged by time, fed to the model.
 */
#ifndef TP_INPUT_H
#define TP_INPUT_H

#include "analyzer/model/model.h"

/* Reads all of the files ("-": standard input) into the model and finishes it. What is wrong with a
 * file is said on standard error. 0; or 2 (the exit status) where a file could not be opened or
 * read at all. */
int tp_input_run(struct tp_model *model, char *const *paths, size_t count);

#endif

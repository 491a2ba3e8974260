/* SPDX-License-Identifier: MIT
 * XXH3 (libxxhash), by the widest vectors that the processor has: where the library brings that
 * choice, its header puts it behind the usual names.
 */
#ifndef TP_FASTHASH_H
#define TP_FASTHASH_H

#include <xxhash.h>
#ifdef TP_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#endif

#endif

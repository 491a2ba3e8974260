/* SPDX-License-Identifier: MIT
 * What the files of this plugin share.
 */
#ifndef PROVIDER_OTHER_H
#define PROVIDER_OTHER_H

#include <tokprof/plugin.h>

extern const struct tp_provider_host provider_hosts[];

#endif

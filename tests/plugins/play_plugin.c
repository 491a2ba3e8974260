/* SPDX-License-Identifier: MIT
 * Plays one exchange of the template's API, whole and then byte by byte, through the plugins that
 * are loaded (none is built in here), and prints what the call's event says.
 */
#include <stdio.h>

#include "../unit/providers/play.h"
#include "common/plugins.h"

static const char request[] =
    "POST /example/v1/generate\nhost: h\n\n"
    "{\"model\":\"m\",\"instructions\":\"be brief\",\"prompt\":\"what is a token?\"}";
static const char answer[] =
    "200\ncontent-type: application/json\n\n"
    "{\"id\":\"a1\",\"model\":\"m-2\",\"text\":\"a piece of a word\",\"finish\":\"stop\","
    "\"usage\":{\"read\":120,\"cached\":100,\"written\":7}}";
static const char *const keys[] = {"api",    "prov",    "model", "stop", "use.in",
                                   "use.cr", "use.out", "blk",   "outb"};

int main(void)
{
    tp_plugins_load();
    for (unsigned cut = 0; cut < 2; cut++) {
        struct play p;
        play_begin(&p, cut);
        play_exchange(&p, request, answer, TP_END_COMPLETE);
        printf("%zu", p.count);
        for (size_t i = 0; p.count && i < sizeof(keys) / sizeof(keys[0]); i++)
            printf(" %s=%s", keys[i], play_value(&p, 0, keys[i]));
        putchar('\n');
        play_end(&p);
    }
    return 0;
}

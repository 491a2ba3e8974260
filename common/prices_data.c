/* SPDX-License-Identifier: MIT */
#include "common/prices_table.h"

/* The table as data: the assembler takes it in, so that nothing has to find a file at run time. */
__asm__(".pushsection .rodata\n"
        ".global tp_prices_json\n"
        ".type tp_prices_json, %object\n"
        "tp_prices_json:\n"
        ".incbin \"" TP_PRICES_JSON_PATH "\"\n"
        ".byte 0\n"
        ".size tp_prices_json, .-tp_prices_json\n"
        ".popsection\n");

/* SPDX-License-Identifier: MIT */
#include "collector/sites.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)

#include <sys/user.h>

#define REG(name) (uint16_t) offsetof(struct user_regs_struct, name)
/* By DWARF number (System V ABI, AMD64 supplement, figure 3.36). struct user_regs_struct begins as
 * the kernel's struct pt_regs does. */
static const uint16_t registers[] = {REG(rax), REG(rdx), REG(rcx), REG(rbx), REG(rsi), REG(rdi),
                                     REG(rbp), REG(rsp), REG(r8),  REG(r9),  REG(r10), REG(r11),
                                     REG(r12), REG(r13), REG(r14), REG(r15)};
static const uint8_t arguments[] = {5, 4, 1, 2, 8, 9};
#define STACK_REGISTER 7
#define RESULT_REGISTER 0
#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

#define HAS_THREAD_POINTER 1

static uint16_t place_of(unsigned int number)
{
    return registers[number];
}

#elif defined(__aarch64__)

/* x0 to x30, then the stack pointer. */
static const uint8_t arguments[] = {0, 1, 2, 3, 4, 5};
#define STACK_REGISTER 31
#define RESULT_REGISTER 0
#define REGISTERS 32u
#define HAS_THREAD_POINTER 0

static uint16_t place_of(unsigned int number)
{
    return (uint16_t)(8 * number);
}

#else
#error "which registers does this processor have?"
#endif

static int value_make(struct tp_value *ret, const struct tp_tls_value *value)
{
    unsigned int number;

    *ret = (struct tp_value){.reg = TP_NO_REGISTER, .loads = value->loads};
    if (value->base == TP_BASE_NONE)
        return 0;
    if (value->loads > 2)
        return -EINVAL;
    ret->offset[0] = value->offset[0];
    ret->offset[1] = value->offset[1];
    if (value->base == TP_BASE_THREAD) {
        ret->reg = TP_THREAD_POINTER;
        return HAS_THREAD_POINTER ? 0 : -EOPNOTSUPP;
    }
    if (value->base == TP_BASE_STACK)
        number = STACK_REGISTER;
    else if (value->base == TP_BASE_RESULT)
        number = RESULT_REGISTER;
    else if (value->base >= TP_BASE_ARG1 && value->base <= TP_BASE_ARG6)
        number = arguments[value->base - TP_BASE_ARG1];
    else if (value->base >= TP_BASE_REGISTER)
        number = value->base - TP_BASE_REGISTER;
    else
        return -EINVAL;
    if (number >= REGISTERS)
        return -EOPNOTSUPP;
    ret->reg = place_of(number);
    return 0;
}

int tp_site_row_make(struct tp_site_row *ret_row, const struct tp_tls_site *site, uint16_t stack)
{
    const struct tp_tls_value *const values[TP_SITE_VALUES] = {
        [TP_VALUE_CONN] = &site->conn,     [TP_VALUE_DATA] = &site->data,
        [TP_VALUE_LENGTH] = &site->length, [TP_VALUE_COUNT] = &site->count,
        [TP_VALUE_THREAD] = &site->thread, [TP_VALUE_STACK_TOP] = &site->stack_top,
        [TP_VALUE_AD] = &site->ad,         [TP_VALUE_AD_LENGTH] = &site->ad_length,
        [TP_VALUE_WIRE] = &site->wire,     [TP_VALUE_NONCE] = &site->nonce,
        [TP_VALUE_EXTRA] = &site->extra,   [TP_VALUE_EXTRA_LENGTH] = &site->extra_length,
        [TP_VALUE_TAG] = &site->tag,
    };

    memset(ret_row, 0, sizeof(*ret_row));
    if (site->kind >= TP_TLS_SITE_KINDS || site->result >= TP_TLS_RESULTS)
        return -EINVAL;
    ret_row->kind = site->kind;
    ret_row->result = site->result;
    ret_row->stack = stack;
    for (size_t i = 0; i < TP_SITE_VALUES; i++) {
        int err = value_make(&ret_row->value[i], values[i]);
        if (err)
            return err;
    }
    return 0;
}

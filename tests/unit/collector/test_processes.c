/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "collector/processes.h"
#include "collector/program.h"

/* words: separated by '|', as one writes a command line */
static void expect_program(const char *exe, const char *words, const char *want)
{
    char cmdline[512], name[64];
    size_t n = strlen(words);

    for (size_t i = 0; i <= n; i++)
        cmdline[i] = words[i] == '|' ? 0 : words[i];
    tp_program_name(exe, cmdline, n + 1, name);
    cr_expect_str_eq(name, want, "%s: %s, not %s", words, name, want);
}

Test(program_name, is_the_executable_where_nothing_interprets)
{
    expect_program("/usr/bin/curl", "curl|-s|https://x", "curl");
    expect_program("/opt/agent/bin/codex", "codex|exec", "codex");
}

Test(program_name, is_the_script_of_an_interpreter)
{
    expect_program("/usr/bin/node", "node|/x/node_modules/.bin/gemini|-p|hi", "gemini");
    expect_program("/usr/bin/node", "node|--max-old-space-size=100|/x/gemini", "gemini");
    expect_program("/usr/bin/python3.11", "python3|agent.py", "agent.py");
    expect_program("/usr/bin/node", "node|--require|hook.js|/x/qwen", "qwen");
}

Test(program_name, is_the_module_that_python_runs)
{
    expect_program("/usr/bin/python3.11", "python3|-m|aider", "aider");
}

Test(program_name, is_the_interpreter_where_the_code_is_inline)
{
    expect_program("/bin/bash", "bash|-c|curl https://secret", "bash");
    expect_program("/usr/bin/node", "node|-e|process.exit()", "node");
    expect_program("/usr/bin/python3.11", "python3", "python3.11");
    expect_program("/usr/bin/node", "node|-", "node");
}

Test(program_name, shows_no_control_characters_and_stays_short)
{
    char long_name[300];
    expect_program("/tmp/a\nb", "a", "a?b");
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    char name[64];
    tp_program_name(long_name, "", 0, name);
    cr_expect_eq(strlen(name), 63);
}

static struct tp_process_record record(uint16_t type, uint32_t pid, uint32_t parent)
{
    struct tp_process_record r = {.head = {.type = type, .pid = pid, .tid = pid},
                                  .parent_pid = parent};
    memcpy(r.comm, "worker", 7);
    return r;
}

Test(processes, give_a_child_its_parents_program)
{
    struct tp_processes *p = tp_processes_new("00112233445566778899");
    struct tp_process_record first = record(TP_RECORD_FORK, 4000001, 1);
    struct tp_process_record second = record(TP_RECORD_FORK, 4000002, 4000001);
    struct tp_process *parent = tp_processes_fork(p, &first);
    memcpy(parent->program, "agent", 6);
    tp_processes_fork(p, &second);
    const struct tp_process *child = tp_processes_find(p, 4000002);
    cr_assert_not_null(child);
    cr_expect_str_eq(child->program, "agent");
    cr_expect_str_eq(child->tree, "0011223344556677");
    tp_processes_free(p);
}

Test(processes, are_found_until_they_are_dropped)
{
    struct tp_processes *p = tp_processes_new("0");
    for (uint32_t pid = 1; pid <= 10000; pid++) {
        struct tp_process_record r = record(TP_RECORD_FORK, pid, 0);
        tp_processes_fork(p, &r);
    }
    tp_processes_drop(p, 4097);
    tp_processes_drop(p, 4097);
    cr_expect_null(tp_processes_find(p, 4097));
    cr_expect_not_null(tp_processes_find(p, 1));
    cr_expect_not_null(tp_processes_find(p, 8193));
    tp_processes_free(p);
}

Test(processes, fall_back_to_the_kernels_name_when_they_are_gone)
{
    char name[TP_PROGRAM_BYTES];
    tp_program_of_process(0x3ffffff, "worker", name);
    cr_expect_str_eq(name, "worker");
}

Test(processes, take_the_name_of_the_program_that_they_run_now)
{
    struct tp_processes *p = tp_processes_new("0");
    struct tp_process_record r = record(TP_RECORD_FORK, 7, 1);
    tp_processes_fork(p, &r);
    cr_expect_str_eq(tp_processes_exec(p, &r, "agent.py")->program, "agent.py");
    cr_expect_str_eq(tp_processes_find(p, 7)->program, "agent.py");
    tp_processes_free(p);
}

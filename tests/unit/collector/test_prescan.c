/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/prescan.h"

static char place[64];

/* An empty directory with a copy of this program, named "engine": some ELF file to be found. */
static void setup(void)
{
    char command[256];

    snprintf(place, sizeof(place), "/tmp/tokprof-prescan-XXXXXX");
    cr_assert_not_null(mkdtemp(place));
    snprintf(command, sizeof(command), "cp /proc/%d/exe %s/engine", getpid(), place);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(chdir(place), 0);
}

static void teardown(void)
{
    char command[256];
    snprintf(command, sizeof(command), "/bin/rm -rf %s", place);
    cr_assert_eq(system(command), 0);
}

TestSuite(prescan, .init = setup, .fini = teardown);

static void script(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    fputs(text, f);
    fclose(f);
    chmod(name, 0755);
}

static void see(void *cx, const char *path)
{
    if (strstr(path, "/engine") || strcmp(path, "engine") == 0)
        ++*(int *)cx;
}

static int times_seen(char *const *argv)
{
    int seen = 0;
    const struct tp_prescan_ops ops = {.cx = &seen, .read = tp_words_read, .file = see};

    tp_prescan(argv, &ops);
    return seen;
}

static void expect_found(char *a, char *b, char *c, char *d)
{
    char *argv[] = {a, b, c, d, NULL};
    int seen = times_seen(argv);
    cr_expect_eq(seen, 1, "%s: seen %d times", a, seen);
}

Test(prescan, finds_the_command_itself)
{
    expect_found("./engine", "-x", NULL, NULL);
}

Test(prescan, looks_through_env_and_its_settings)
{
    expect_found("env", "A=b", "./engine", "x");
    expect_found("timeout", "10", "./engine", NULL);
}

Test(prescan, follows_the_first_line_of_a_script)
{
    char text[128];
    snprintf(text, sizeof(text), "#!%s/engine\nhello\n", place);
    script("agent", text);
    expect_found("./agent", NULL, NULL, NULL);
}

Test(prescan, follows_env_in_the_first_line_through_the_path)
{
    setenv("PATH", place, 1);
    script("agent", "#!/usr/bin/env -S engine --flag\n");
    expect_found("./agent", NULL, NULL, NULL);
    cr_expect_eq(symlink("agent", "launcher"), 0);
    expect_found("./launcher", NULL, NULL, NULL);
}

Test(prescan, reads_what_a_shell_script_will_run)
{
    script("wrapper", "#!/bin/sh\nbasedir=$(dirname \"$0\")\nif true; then exec "
                      "\"$basedir/engine\" \"$@\"; fi\n");
    expect_found("./wrapper", NULL, NULL, NULL);
    expect_found("sh", "-c", "cd . && ./engine x; true", NULL);
}

Test(prescan, ends_on_scripts_that_name_each_other)
{
    script("a", "#!./b\n");
    script("b", "#!./a\n");
    char *argv[] = {"./a", NULL};
    cr_expect_eq(times_seen(argv), 0);
}

Test(prescan, finds_commands_as_a_shell_would)
{
    char path[TP_PRESCAN_PATH_MAX];
    setenv("PATH", place, 1);
    cr_expect_eq(tp_command_find("engine", path), 0);
    cr_expect_eq(tp_command_find("nothing", path), -ENOENT);
    cr_expect_eq(tp_command_find("./nothing", path), -ENOENT);
    cr_expect_eq(tp_command_find("/tmp", path), -EACCES);
    cr_expect_eq(tp_command_find("", path), -ENOENT);
    cr_expect_eq(chmod("engine", 0644), 0);
    if (geteuid() != 0)
        cr_expect_eq(tp_command_find("engine", path), -EACCES);
}

/* As npm lays out an agent: a script, and an executable for each platform in a package beside it.
 */
static void install_package(const char *listed)
{
    char text[256];

    cr_assert_eq(system("mkdir -p node_modules/@maker/agent/bin node_modules/.bin "
                        "node_modules/@maker/agent-linux-x64/vendor/bin "
                        "node_modules/@maker/agent-linux-arm64/vendor/bin"),
                 0);
    cr_assert_eq(system("cp engine node_modules/@maker/agent-linux-x64/vendor/bin/engine && "
                        "cp engine node_modules/@maker/agent-linux-arm64/vendor/bin/engine && "
                        "truncate -s 3M node_modules/@maker/*/vendor/bin/engine"),
                 0);
    snprintf(text, sizeof(text),
             "{\"optionalDependencies\": {\"%s-x64\": \"1\", \"%s-arm64\": \"1\"}}", listed,
             listed);
    script("node_modules/@maker/agent/package.json", text);
    script("node_modules/@maker/agent/bin/agent.js", "#!/usr/bin/env node\nstart();\n");
    cr_assert_eq(symlink("../@maker/agent/bin/agent.js", "node_modules/.bin/agent"), 0);
}

Test(prescan, finds_the_executable_for_this_platform_of_an_npm_package)
{
    install_package("@maker/agent-linux");
    expect_found("node_modules/.bin/agent", "x", NULL, NULL);
}

Test(prescan, leaves_packages_alone_that_an_npm_package_does_not_name)
{
    char *argv[] = {"node_modules/.bin/agent", NULL};
    install_package("@maker/other-linux");
    cr_expect_eq(times_seen(argv), 0);
}

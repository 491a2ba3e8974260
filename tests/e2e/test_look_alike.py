#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program without symbols that looks just as if it had a TLS stack, and has none: what comes by at its places is no
HTTP, so that the probes are removed and that is said; the program notices nothing."""
import shutil
import subprocess
import sys

import harness
import recording

PROGRAM = r"""
#include <stdio.h>
#include <unistd.h>
#define APART __attribute__((noinline, noclone))
#define PATH "boringssl/ssl/ssl_lib.cc"
static volatile int elsewhere;
APART void put_error(int library, int unused, int reason, const char *file, unsigned int line)
{ elsewhere = library + unused + reason + file[0] + (int)line; }
#define REPORT(condition, reason) if (condition) { put_error(16, 0, reason, PATH, __LINE__); return -1; }
APART int inside(char *a) { REPORT(a[1] == 1, 226) REPORT(a[2] == 1, 215) return elsewhere; }
APART int peruse(char *a, char *b, int n) { REPORT(a[0] == 1, 66) int r = inside(a); elsewhere = b[0]; return r > n ? n : r; }
APART int compose(char *a, char *b, int n)
{ REPORT(a[0] == 1, 66) REPORT(a[1] == 1, 226) REPORT(a[2] == 1, 215) REPORT(n < 0, 111) elsewhere = b[0]; return n; }
static char object[300][64];
int main(void)
{
    long sum = 0;
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 300; i++)
            sum += compose(object[i], "not what one would expect", 25) + peruse(object[i], object[i], 9);
        usleep(200000);
    }
    printf("%d\n", sum > 0);
    return 0;
}
"""


def main():
    harness.require(node=False)
    if not shutil.which("cc"):
        harness.skip("needs a C compiler")
    problems = []
    with harness.Workspace("look-alike") as place:
        (place / "program.c").write_text(PROGRAM)
        subprocess.run(["cc", "-O1", "-s", "-o", str(place / "program"), str(place / "program.c")], check=True)
        done = harness.record(place / "run.tokrec", [place / "program"])
        if done.returncode or done.stdout != "1\n":
            problems.append(f"the program ended with {done.returncode}, said {done.stdout!r}: {done.stderr}")
        targets = [e for e in recording.events(place / "run.tokrec") if e.get("what") == "target" and e.get("file") == "program"]
        if [bool(t.get("err")) for t in targets] != [False, True] or "removed" not in targets[-1]["err"]:
            problems.append(f"attached, then removed? {targets}")
        if harness.calls(place / "run.tokrec"):
            problems.append("calls were found")
        return harness.report("look-alike", problems)


if __name__ == "__main__":
    sys.exit(main())

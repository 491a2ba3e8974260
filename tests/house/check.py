#!/usr/bin/env python3
"""Keeps the rules of the house: who may include whom, and how long functions and files may be.

usage: check.py [ROOT]      prints each breach and exits 1; otherwise prints the figures and exits 0
"""
import pathlib
import re
import sys

# A folder may include headers of itself and of these.
MAY_INCLUDE = {
    "include": {"include"},
    "common": {"common", "include"},
    "bpf": {"bpf"},
    "plugins": {"plugins", "include"},  # its own folder only: see plugin_breaches
    "collector": {"collector", "common", "include", "bpf/shared"},
    "analyzer": {"analyzer", "common", "include"},
}
FUNCTION_MEDIAN, FUNCTION_P95, FUNCTION_MAX, FILE_P95 = 12, 50, 100, 600
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)


def sources(root, folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield folder, path


def owner(root, here, name, quoted):
    """The folder of ours that an include leads to, or None for a system header."""
    if quoted and (here.parent / name).is_file():
        found = (here.parent / name).resolve().relative_to(root)
    elif (root / name).is_file():
        found = pathlib.Path(name)
    elif (root / "include" / name).is_file():
        return "include"
    else:
        return None
    return "bpf/shared" if found.parts[:2] == ("bpf", "shared") else found.parts[0]


def include_breaches(root):
    for folder, path in sources(root, MAY_INCLUDE):
        for mark, name in INCLUDE.findall(path.read_text()):
            to = owner(root, path, name, mark == '"')
            allowed = MAY_INCLUDE[folder]
            if to and to not in allowed and to.split("/")[0] not in allowed:
                yield f"{path.relative_to(root)}: {folder} may not include {name} (of {to})"


def plugin_breaches(root):
    """A plugin sees include/tokprof and its own folder, never another plugin."""
    for path in sorted((root / "plugins").rglob("*.[ch]")):
        for mark, name in INCLUDE.findall(path.read_text()):
            local = mark == '"' and (path.parent / name).is_file() and ".." not in name
            if mark == '"' and not local and not name.startswith("tokprof/"):
                yield f"{path.relative_to(root)}: a plugin may not include {name}"


def function_lengths(text):
    """(name, first line, lines) of each top-level brace block that follows a parameter list."""
    lines = text.splitlines()
    start = None
    for i, line in enumerate(lines):
        if line == "{" and i and lines[i - 1].rstrip().endswith(")"):
            start = i
        elif line.startswith("}") and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].rstrip().endswith((";", "}", "*/")):
                head -= 1
            names = re.findall(r"([A-Za-z_]\w*)\s*\(", " ".join(lines[head:start]))
            yield (names[0] if names else "?"), start + 1, i - start + 2
            start = None


def share(values, fraction):
    values = sorted(values)
    return values[min(len(values) - 1, int(fraction * len(values)))] if values else 0


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    breaches = list(include_breaches(root)) + list(plugin_breaches(root))
    functions, files = [], []
    for _, path in sources(root, MAY_INCLUDE):
        text = path.read_text()
        files.append(text.count("\n"))
        for name, line, length in function_lengths(text):
            functions.append(length)
            if length > FUNCTION_MAX:
                breaches.append(f"{path.relative_to(root)}:{line}: {name} has {length} lines (at most {FUNCTION_MAX})")
    for what, value, limit in (("median function", share(functions, 0.5), FUNCTION_MEDIAN),
                               ("p95 function", share(functions, 0.95), FUNCTION_P95),
                               ("p95 file", share(files, 0.95), FILE_P95)):
        if value > limit:
            breaches.append(f"{what}: {value} lines, aim {limit}")
    print(f"{len(files)} files, {sum(files)} lines; functions {len(functions)}: median {share(functions, 0.5)}, "
          f"p95 {share(functions, 0.95)}, max {max(functions, default=0)}; file p95 {share(files, 0.95)}")
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The house check finds what it is there to find."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name("check.py")


class HouseCheck(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
            return done.returncode, done.stdout

    def test_passes_a_tree_that_keeps_the_rules(self):
        status, _ = self.run_on({"common/a.h": "", "analyzer/a.c": '#include "common/a.h"\n'})
        self.assertEqual(status, 0)

    def test_refuses_the_analyzer_including_the_collector(self):
        status, out = self.run_on({"collector/a.h": "", "analyzer/a.c": '#include "collector/a.h"\n'})
        self.assertEqual(status, 1)
        self.assertIn("analyzer may not include collector/a.h", out)

    def test_refuses_common_including_what_is_above_it(self):
        status, _ = self.run_on({"collector/a.h": "", "common/a.c": '#include "collector/a.h"\n'})
        self.assertEqual(status, 1)

    def test_refuses_a_plugin_that_reaches_into_the_core(self):
        status, _ = self.run_on({"common/a.h": "", "plugins/x/a.c": '#include "common/a.h"\n'})
        self.assertEqual(status, 1)

    def test_lets_the_collector_see_only_the_shared_part_of_bpf(self):
        files = {"bpf/shared/r.h": "", "bpf/x.bpf.h": "", "collector/a.c": '#include "bpf/shared/r.h"\n'}
        self.assertEqual(self.run_on(files)[0], 0)
        files["collector/a.c"] = '#include "bpf/x.bpf.h"\n'
        self.assertEqual(self.run_on(files)[0], 1)

    def test_refuses_a_function_that_is_too_long(self):
        body = "int f(void)\n{\n" + "    g();\n" * 120 + "}\n"
        status, out = self.run_on({"common/a.c": body})
        self.assertEqual(status, 1)
        self.assertIn("f has", out)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""The command line: output, exit status, errors on one line. usage: test_cli.py TOKPROF"""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import events

TOKPROF = ""
CALL_KEYS = """id parent start_unix_ns end_unix_ns pid comm machine server provider api model path stream http_status
outcome stop_reason service_tier complete lost_bytes task session conversation round agent thread parent_thread subagent turn project labels usage cost_usd cost
latency transport parts tools""".split()
USAGE_KEYS = """input_tokens cache_read_input_tokens cache_write_input_tokens cache_write_5m_input_tokens
cache_write_1h_input_tokens output_tokens reasoning_output_tokens modality""".split()
DIMENSIONS = "task session conversation round tool part model provider agent process day label:team".split()


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def run_tokprof(self, *words, stdin=b"", **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TOKPROF", "XDG"))}
        return subprocess.run([TOKPROF, *map(str, words)], input=stdin, capture_output=True, timeout=60,
                              env={**clean, "HOME": self.folder.name, **env})

    def good(self, *words, **more):
        done = self.run_tokprof(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def recording(self, data, name="r.tokrec"):
        path = self.path / name
        path.write_bytes(data)
        return path

    def two_rounds(self):
        return self.recording(events.two_rounds())

    def calls(self, *paths):
        return [json.loads(line) for line in self.good("calls", "--format", "json", *paths).splitlines()]

    def assert_refused(self, *words, says="", status=2, **more):
        done = self.run_tokprof(*words, **more)
        self.assertEqual(done.returncode, status)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith(b"tokprof: "), done.stderr)
        self.assertIn(says, done.stderr.decode())
        self.assertEqual(done.stdout, b"")

    def test_help_and_version(self):
        self.assertIn("report", self.good("--help"))
        self.assertIn("label:KEY", self.good("help", "report"))
        self.assertIn("--format", self.good("calls", "--help"))
        self.assertRegex(self.good("--version"), r"^tokprof \d+\.\d+\.\d+\n$")

    def test_bad_usage_is_told_on_one_line(self):
        recording = self.two_rounds()
        self.assert_refused(says="--help")
        self.assert_refused("clals", says="did you mean 'tokprof calls'")
        self.assert_refused("xyzzyplugh", says="no command")
        self.assert_refused("calls", says="FILE")
        self.assert_refused("calls", "--format", "xml", recording, says="xml")
        self.assert_refused("calls", "--format", says="value")
        self.assert_refused("calls", "--nonsense", recording, says="--nonsense")
        self.assert_refused("calls", "-z", recording, says="-z")
        self.assert_refused("tree", "--format=csv", recording, says="csv")
        self.assert_refused("report", "--by", "mood", recording, says="mood")
        self.assert_refused("plugins", "extra", says="extra")
        self.assert_refused("help", "nothing", says="nothing")

    def test_bad_files_are_told_on_one_line(self):
        self.assert_refused("calls", self.path / "none", says="No such file")
        self.assert_refused("report", self.path, says="directory")
        self.assert_refused("tree", self.recording(b"{}"), says="not a tokprof recording")
        self.assert_refused("report", self.two_rounds(), TOKPROF_PRICES="/nowhere", says="/nowhere")

    def test_full_output_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([TOKPROF, "calls", self.two_rounds()], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)

    def test_record_without_collector_says_so(self):
        alone = self.path / "tokprof"
        alone.write_bytes(pathlib.Path(TOKPROF).read_bytes())
        alone.chmod(0o755)
        done = subprocess.run([alone, "record", "true"], capture_output=True)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"tokprof-record", done.stderr)
        (self.path / "tokprof-record").write_text("#!/bin/sh\necho \"$@\"; exit 7\n")
        (self.path / "tokprof-record").chmod(0o755)
        done = subprocess.run([alone, "record", "-o", "x", "--", "true"], capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (7, b"record -o x -- true\n"))

    def test_calls_have_every_key(self):
        one, two = self.calls(self.two_rounds())
        for row in (one, two):
            self.assertLessEqual(set(CALL_KEYS), set(row))
            self.assertEqual(set(USAGE_KEYS), set(row["usage"]))
        self.assertEqual(one["start_unix_ns"], events.EPOCH_NS)
        self.assertEqual(one["end_unix_ns"], events.EPOCH_NS + 100000000)
        self.assertIsNone(one["parent"])
        self.assertEqual(two["parent"], one["id"])
        self.assertEqual((one["round"], two["round"]), (1, 2))
        self.assertEqual(one["conversation"], two["conversation"])
        self.assertEqual(one["session"], "00000000000000aa")
        self.assertEqual(two["labels"], {"team": "a"})
        self.assertIsNone(one["usage"]["reasoning_output_tokens"])
        self.assertEqual(one["tools"], [{"name": "read", "call_id": "c1", "duration_ns": 250000000,
                                         "result_tokens": 80, "failed": False}])
        self.assertEqual(sum(part["tokens"] for part in two["parts"]), 500)
        self.assertEqual(sum(part["cached_tokens"] for part in two["parts"]), 350)
        self.assertAlmostEqual(two["cost_usd"], (150 * 1.25 + 350 * 0.125 + 7 * 10) / 1e6, 12)
        self.assertEqual(one["latency"], {"ttft_ns": 20000000, "duration_ns": 100000000,
                                          "per_output_token_ns": 70000000 // 19})

    def test_numbers_of_64_bits_are_exact(self):
        row, = self.calls(self.recording(events.call("big", 0, usage={"in": 2**63 - 1, "out": 9007199254740993})))
        self.assertEqual(row["usage"]["input_tokens"], 2**63 - 1)
        self.assertEqual(row["usage"]["output_tokens"], 9007199254740993)

    def test_rows_sum_to_totals(self):
        for by in DIMENSIONS:
            report = json.loads(self.good("report", "--by", by, "--format", "json", self.two_rounds()))
            for key in ("input_tokens", "cache_read_input_tokens", "output_tokens", "calls", "lost_bytes"):
                self.assertEqual(sum(row[key] or 0 for row in report["rows"]), report["totals"][key], (by, key))
            cost = sum(round((row["cost_usd"] or 0) * 1e9) for row in report["rows"])
            self.assertEqual(cost, round(report["totals"]["cost_usd"] * 1e9), by)
        self.assertEqual(report["totals"]["unknown"]["reasoning_output_tokens"], 2)

    def test_losses_stand_in_the_totals(self):
        data = (events.two_rounds() + events.event("loss", "l", 500, where="ring", why="ring buffer full", n=700, cnt=2)
                + events.event("meta", "t", 500, what="target", file="libssl.so.3", err="no symbols")
                + events.event("meta", "t2", 500, what="target", file="node", late=12000000))
        path = self.recording(data)
        report = json.loads(self.good("report", "--format", "json", path))
        self.assertEqual(report["totals"]["lost_bytes"], 700)
        self.assertEqual(report["targets"], {"attached": 1, "failed": 1, "late": 1, "latest_ns": 12000000})
        text = self.good("report", path)
        self.assertIn("ring buffer full", text)
        self.assertIn("could not be attached", text)

    def test_tables_and_csv(self):
        path = self.two_rounds()
        self.assertIn("900 tokens, 39 % read from cache (350)", self.good("report", path))
        self.assertIn("read", self.good("calls", path))
        rows = list(csv.DictReader(io.StringIO(self.good("calls", "--format", "csv", path))))
        self.assertEqual([row["input_tokens"] for row in rows], ["400", "500"])
        rows = list(csv.DictReader(io.StringIO(self.good("report", "--by", "round", "--format", "csv", path))))
        self.assertEqual([row["output_tokens"] for row in rows], ["20", "7"])
        self.assertNotIn("\033", self.good("report", path))
        self.assertIn("tls_openssl", self.good("plugins", "--format", "csv"))

    def test_tree(self):
        path = self.two_rounds()
        tree = json.loads(self.good("tree", "--format", "json", path))
        conversation, = tree["tasks"][0]["conversations"]
        self.assertEqual([r["round"] for r in conversation["rounds"]], [1, 2])
        self.assertEqual(conversation["totals"]["input_tokens"], 900)
        self.assertIn("tool_result read", self.good("tree", path))

    def test_standard_input_and_second_deliveries(self):
        data = events.two_rounds()
        self.assertEqual(len(self.good("calls", "--format=json", "-", stdin=data).splitlines()), 2)
        path = self.recording(data)
        self.assertEqual(len(self.calls(path, path)), 2)

    def test_cut_recording_warns_and_goes_on(self):
        path = self.recording(events.two_rounds()[:-3])
        done = self.run_tokprof("calls", "--format", "json", path)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"cut short", done.stderr)
        self.assertEqual(done.stdout.count(b"\n"), 1)

    def test_empty_recording(self):
        report = json.loads(self.good("report", "--format", "json", self.recording(events.event("meta", "m", 0))))
        self.assertEqual((report["totals"]["calls"], report["rows"]), (0, []))

    def test_other_hash_keys_are_told(self):
        a = self.two_rounds()
        b = self.recording(events.event("meta", "other", 0, what="start", key="fedcba9876543210"), "b.tokrec")
        done = self.run_tokprof("report", a, b)
        self.assertEqual((done.returncode, done.stderr.count(b"\n")), (0, 1))
        self.assertIn(b"TOKPROF_KEY_FILE", done.stderr)

    def test_control_characters_do_not_reach_the_terminal(self):
        path = self.recording(events.call("x", 0, model="\033[31mred\n"))
        self.assertNotIn("\033", self.good("calls", path))

    def test_analyzer_needs_no_libbpf(self):
        linked = subprocess.run(["ldd", TOKPROF], capture_output=True, text=True).stdout
        self.assertNotIn("libbpf", linked)
        self.assertNotIn("libelf", linked)


if __name__ == "__main__":
    TOKPROF = sys.argv.pop(1)
    unittest.main()

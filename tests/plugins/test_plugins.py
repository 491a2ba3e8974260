# SPDX-License-Identifier: MIT
"""Plugins as files: tokprof is installed, the template is built against it outside the tree and reads a call, and
what must not be loaded is refused by name. usage: test_plugins.py BUILD_DIRECTORY PLAY_PLUGIN"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = PLAY = None
CC = os.environ.get("CC", "cc")

# Each is the template with one thing wrong: (file, replacements, what the reason must say).
WRONG = [
    ("wrong_abi", [("TP_PLUGIN_ABI,", "TP_PLUGIN_ABI + 1,")], "built for plugin ABI"),
    ("wrong_magic", [("TP_PLUGIN_MAGIC,", "0x12345678,")], "not a tokprof plugin"),
    ("short_descriptor", [("sizeof(struct tp_plugin)", "sizeof(struct tp_plugin) - 8")], "cut short"),
    ("no_size", [(".size = sizeof(struct tp_plugin),", "")], "cut short"),
    ("no_kind", [(".kind = TP_PLUGIN_PROVIDER,", "")], "unknown kind"),
    ("bad_kind", [("TP_PLUGIN_PROVIDER", "77")], "unknown kind"),
    ("no_name", [('.name = "provider_example",', "")], "name"),
    ("bad_name", [('"provider_example"', '"Provider Example"')], "name"),
    ("no_version", [('.version = "1",', "")], "version"),
    ("no_summary", [('.summary = "an invented API, to start from",', "")], "summary"),
    ("no_operations", [(".ops.provider = &ops,", "")], "operations"),
    ("wild_operations", [("= &ops,", "= (const void *)0x10,")], "operations"),
    ("no_apis", [("{&generate, NULL}", "{NULL}")], "empty"),
    ("null_apis", [(".apis = apis", ".apis = NULL")], "no end"),
    ("no_match", [(".match = match,", ".match = NULL,")], "match"),
    ("data_for_code", [(".shape = shape,", ".shape = (void *)anchors,")], "shape"),
    ("bad_rule", [('"usage.read"', '"usage..["')], "pattern"),
    ("no_entry", [("TP_PLUGIN(plugin);", "const void *unused_ = &plugin;")], "no symbol tp_plugin_entry"),
    ("null_entry", [("TP_PLUGIN(plugin);", "const void *tp_plugin_entry[2];\nconst void *unused_ = &plugin;")],
     "not a tokprof plugin"),
    ("duplicate", [('"provider_example"', '"provider_openai"')], "called provider_openai already"),
    ("unresolved", [("return s->prompt_seen", "extern int not_there(void);\n    return not_there() && s->prompt_seen")], "not_there"),
]


class Plugins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="tokprof-plugins-")
        cls.top = pathlib.Path(cls.folder.name).resolve()
        cls.prefix = cls.top / "prefix"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True, stdout=subprocess.DEVNULL)
        cls.tokprof = cls.prefix / "bin/tokprof"
        cls.template = cls.prefix / "share/tokprof/template"
        cls.good = cls.compile((cls.template / "example.c").read_text(), cls.top / "good.so")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def compile(cls, text, to):
        """The plain line that the template names."""
        source = cls.top / f"{to.stem}.c"
        source.write_text(text)
        # No -Werror, no -Wl,-z,defs: some are wrong on purpose.
        subprocess.run([CC, "-w", "-shared", "-fPIC", "-fvisibility=default", f"-I{cls.prefix}/include", "-o", to, source], check=True)
        to.chmod(0o644)
        return to

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(dir=self.top))

    def put(self, source, name=None):
        return pathlib.Path(shutil.copy(source, self.place / (name or source.name)))

    def run_with(self, program, *words, path=None, user=None):
        env = {**os.environ, "TOKPROF_PLUGIN_PATH": str(path or self.place)}
        return subprocess.run([str(program), *words], env=env, capture_output=True, text=True, timeout=60, user=user)

    def plugins(self, **more):
        done = self.run_with(self.tokprof, "plugins", "--format", "json", **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def by_origin(self, origin, **more):
        rows = [row for row in self.plugins(**more) if row["origin"] == origin]
        self.assertEqual(len(rows), 1, f"{origin}: {rows}")
        return rows[0]

    def assert_refused(self, origin, says, **more):
        row = self.by_origin(origin, **more)
        self.assertEqual(row["status"], "refused", row)
        self.assertIn(says, row["reason"])
        self.assertNotIn("\n", row["reason"])

    def test_template_builds_by_cmake_and_reads_a_call(self):
        shutil.copytree(self.template, self.place / "mine")
        build = self.place / "mine/build"
        for words in (["-S", self.place / "mine", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_COMPILER={CC}"],
                      ["--build", build], ["--install", build]):
            subprocess.run(["cmake", *words], check=True, stdout=subprocess.DEVNULL)
        row = self.by_origin("provider_example.so", path="/")
        self.assertEqual((row["status"], row["name"], row["kind"]), ("loaded", "provider_example", "provider"))
        installed = list(self.prefix.rglob("plugins/provider_example.so"))
        self.assertEqual(len(installed), 1)
        said = self.run_with(PLAY, path=installed[0].parent).stdout.splitlines()
        installed[0].unlink()
        self.assertEqual(said, ["1 api=example.generate prov=example model=m-2 stop=stop use.in=120 use.cr=100 use.out=7"
                                " blk=system user outb=assistant"] * 2)

    def test_template_builds_by_one_line_and_reads_a_call(self):
        self.put(self.good)
        self.assertIn("1 api=example.generate", self.run_with(PLAY).stdout)

    def test_without_the_plugin_its_call_is_nobodys(self):
        self.assertNotIn("example", self.run_with(PLAY).stdout)

    def test_record_loads_and_refuses_the_same(self):
        self.put(self.good)
        (self.place / "bad.so").write_text("no ELF")
        done = self.run_with(self.prefix / "bin/tokprof-record", "record", "--no-such-option")
        self.assertIn("plugin bad.so refused: not an ELF file\n", done.stderr)
        self.assertNotIn("good.so", done.stderr)

    def test_wrong_plugins_are_refused_by_name(self):
        text = (self.template / "example.c").read_text()
        for name, changes, _ in WRONG:
            changed = text
            for old, new in changes:
                changed = changed.replace(old, new)
            self.assertNotEqual(changed, text, name)
            self.compile(changed, self.place / f"{name}.so")
        self.put(self.good)
        for name, _, says in WRONG:
            with self.subTest(name):
                self.assert_refused(f"{name}.so", says)
        self.assertEqual(self.by_origin("good.so")["status"], "loaded")
        self.assertEqual(len([r for r in self.plugins() if r["origin"] == "built-in" and r["status"] == "loaded"]),
                         len([r for r in self.plugins(path="/nonexistent") if r["origin"] == "built-in"]))

    def test_same_name_twice_keeps_the_first(self):
        self.put(self.good, "a.so")
        self.put(self.good, "b.so")
        self.assertEqual(self.by_origin("a.so")["status"], "loaded")
        self.assert_refused("b.so", "called provider_example already (a.so)")

    def test_longer_structures_of_a_later_header_are_accepted(self):
        text = (self.template / "example.c").read_text()
        longer = text.replace("static const struct tp_plugin plugin = {", "static const struct { struct tp_plugin p; long later[4]; } plugin_ = {.p = {")
        longer = longer.replace("sizeof(struct tp_plugin)", "sizeof(struct tp_plugin) + 32").replace(
            "&ops,\n};\nTP_PLUGIN(plugin);", "&ops,\n}};\nTP_PLUGIN(plugin_.p);")
        self.compile(longer, self.place / "longer.so")
        self.assertEqual(self.by_origin("longer.so")["status"], "loaded")

    def test_files_cut_anywhere_are_refused_and_harm_nobody(self):
        whole = self.good.read_bytes()
        for n in range(0, 64):
            (self.place / f"cut{n}.so").write_bytes(whole[:len(whole) * n // 64])
        rows = [r for r in self.plugins() if r["origin"].startswith("cut")]
        self.assertEqual(len(rows), 64)
        for row in rows:
            self.assertEqual(row["status"], "refused", row)
        self.assertIn("file is cut short", {r["reason"] for r in rows})

    def test_what_is_no_plugin_file_is_refused(self):
        (self.place / "text.so").write_text("not an ELF")
        (self.place / "empty.so").touch()
        (self.place / "folder.so").mkdir()
        (self.place / "link.so").symlink_to(self.good)
        os.mkfifo(self.place / "fifo.so", 0o600)
        self.put(pathlib.Path(shutil.which("true")), "program.so")
        (self.place / "notes.txt").write_text("not looked at")
        for name, says in (("text.so", "not an ELF file"), ("empty.so", "not an ELF file"), ("folder.so", "not a regular file"),
                           ("link.so", "symbolic link"), ("fifo.so", "not a regular file"), ("program.so", "")):
            with self.subTest(name):
                self.assert_refused(name, says)
        self.assertFalse([r for r in self.plugins() if r["origin"] == "notes.txt"])

    def test_what_others_can_write_is_refused(self):
        file = self.put(self.good)
        file.chmod(0o666)
        self.assert_refused("good.so", "can be written by everyone")
        file.chmod(0o644)
        self.place.chmod(0o777)
        self.assert_refused(self.place.name, "can be written by everyone")
        below = self.place / "below"
        below.mkdir()
        self.assert_refused("below", "can be written by everyone", path=below)
        self.place.chmod(0o755)
        self.assertEqual(self.by_origin("good.so")["status"], "loaded")

    def test_directory_that_is_not_there_is_named(self):
        self.assert_refused("nonexistent", "No such file", path=self.place / "nonexistent")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to have privilege and to give files away")
    def test_with_privilege_only_what_is_roots_is_loaded(self):
        file = self.put(self.good)
        os.chown(file, 65534, 65534)
        self.assert_refused("good.so", "does not belong to root")
        os.chown(file, 0, 0)
        file.chmod(0o664)
        self.assert_refused("good.so", "can be written by its group")
        file.chmod(0o644)
        os.chown(self.place, 65534, 65534)
        self.assert_refused(self.place.name, "does not belong to root")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_without_privilege_ones_own_are_loaded_and_others_are_not(self):
        self.top.chmod(0o755)
        file = self.put(self.good)
        for owner, status in ((65534, "loaded"), (0, "loaded"), (65533, "refused")):
            for path in (self.place, file):
                os.chown(path, owner, owner)
            self.place.chmod(0o755)
            rows = {r["origin"]: r["status"] for r in self.plugins(user=65534)}
            self.assertEqual(rows.get("good.so") or rows.get(self.place.name), status, (owner, rows))


if __name__ == "__main__":
    BUILD, PLAY = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

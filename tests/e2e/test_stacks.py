#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS stacks other than OpenSSL, each by a client that uses it: every call found, all numbers equal to the referee's.

test_stacks.py [NAME...]    NAME: wget (GnuTLS), go (crypto/tls, stripped), openssl_static, openssl_stripped
"""
import json
import os
import shutil
import subprocess
import sys
import urllib.parse

import compare
import harness
import recording

GO_CLIENT = r"""
package main

import ("bytes"; "crypto/tls"; "crypto/x509"; "fmt"; "io"; "net/http"; "os"; "sync")

func main() {
	ca, _ := os.ReadFile(os.Args[2])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	body, _ := os.ReadFile(os.Args[3])
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	var all sync.WaitGroup
	for i := 0; i < 12; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			for k := 0; k < 5; k++ {
				model := []byte(fmt.Sprintf("model-%d-%d", i, k))
				request, _ := http.NewRequest("POST", os.Args[1], bytes.NewReader(bytes.Replace(body, []byte("MODEL"), model, 1)))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("x-session-id", "one")
				answer, err := client.Do(request)
				if err != nil { fmt.Println(err); os.Exit(1) }
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}(i)
	}
	all.Wait()
}
"""


def wget(place, url, ca, body):
    command = ["wget", "-q", "-O", "/dev/null", f"--ca-certificate={ca}", "--header", "Content-Type: application/json",
               "--header", "x-session-id: one", f"--post-file={body}"]
    return [*command, url, url, url], 3, "gnutls"


def go(place, url, ca, body):
    (place / "client.go").write_text(GO_CLIENT)
    env = {**os.environ, "GOCACHE": str(place / "gocache"), "GO111MODULE": "off", "GOPATH": str(place / "gopath")}
    subprocess.run(["go", "build", "-ldflags", "-s -w", "-o", str(place / "client"), str(place / "client.go")], env=env, check=True)
    return [place / "client", url, ca, body], 60, "go"


def openssl_static(place, url, ca, body):
    """OpenSSL's archives inside the executable."""
    where, program = urllib.parse.urlsplit(url), place / "client"
    source = harness.ROOT / "tests/e2e/clients/openssl.c"
    subprocess.run(["cc", "-O2", "-o", program, source, "-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,-Bdynamic"], check=True)
    return [program, where.hostname, str(where.port), where.path, ca, body, "24"], 24, "openssl"


def openssl_stripped(place, url, ca, body):
    done = openssl_static(place, url, ca, body)
    subprocess.run(["strip", place / "client"], check=True)
    return done


CLIENTS = {"wget": wget, "go": go, "openssl_static": openssl_static, "openssl_stripped": openssl_stripped}


def one_run(name, place):
    body = place / "body.json"
    body.write_text(json.dumps({"model": "MODEL", "stream": True, "stream_options": {"include_usage": True},
                                "messages": [{"role": "user", "content": "Grüße " * 400}]}))
    with harness.Server(place / "server", {"seed": 3}) as server:
        command, wanted, stack = CLIENTS[name](place, server.ready["https"] + "/v1/chat/completions", server.ready["ca"], body)
        done = harness.record(place / "run.tokrec", command, timeout=120)
        truth = server.truth()
    problems = compare.exact(harness.calls(place / "run.tokrec"), truth, stack)
    count = len(compare.model_calls(truth))
    if done.returncode or count != wanted:
        problems.append(f"{count} of {wanted} calls; the client ended with {done.returncode}: {done.stderr[-1500:]}")
    unbalanced, lost, end = recording.ledger(place / "run.tokrec")
    problems += unbalanced
    if lost:
        problems.append(f"lost: {end['lostby']}")
    return harness.report(f"{name}: {count} calls", problems)


def is_here(name):
    if not name.startswith("openssl"):
        return shutil.which(name)
    return shutil.which("cc") and "/" in subprocess.run(["cc", "-print-file-name=libssl.a"], stdout=subprocess.PIPE, text=True).stdout


def main():
    harness.require()
    names = sys.argv[1:] or [name for name in CLIENTS if is_here(name)]
    if not names:
        harness.skip("needs wget, go, or cc and libssl.a")
    harness.private_network()
    status = 0
    for name in names:
        with harness.Workspace(name) as place:
            status |= one_run(name, place)
    return status


if __name__ == "__main__":
    sys.exit(main())

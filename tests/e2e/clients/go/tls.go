// SPDX-License-Identifier: MIT

// A client and a server that do TLS by Go's own library.
//
//	tls client SERVER_DIR PLAN.json         plays the plan's calls, `at_once` of them at a time
//	tls server SERVER_DIR STATE_DIR         stands before the scripted server until STATE_DIR/stop is there; STATE_DIR/ready.json
//	                                        has its address and certificate
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type call struct {
	URL     string            `json:"url"`
	Body    string            `json:"body"`
	Packed  string            `json:"packed"`
	Headers map[string]string `json:"headers"`
	Leave   bool              `json:"leave"`
	Script  map[string]any    `json:"script"`
}

type plan struct {
	Calls  []call `json:"calls"`
	AtOnce int    `json:"at_once"`
	HTTP2  bool   `json:"http2"`
	TLS12  bool   `json:"tls12"`
	CA     string `json:"ca"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string, into any) {
	text, err := os.ReadFile(path)
	must(err)
	must(json.Unmarshal(text, into))
}

// ---- client ----

func clientOf(p *plan) *http.Client {
	roots := x509.NewCertPool()
	text, err := os.ReadFile(p.CA)
	must(err)
	roots.AppendCertsFromPEM(text)
	config := &tls.Config{RootCAs: roots}
	if p.TLS12 {
		config.MaxVersion = tls.VersionTLS12
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: p.HTTP2, MaxIdleConnsPerHost: 8}
	return &http.Client{Transport: transport, Timeout: 240 * time.Second}
}

func (c *call) mayFail() bool {
	_, cut := c.Script["cut_after"]
	return c.Leave || cut
}

func (c *call) do(client *http.Client) error {
	body := []byte(c.Body)
	if c.Packed == "gzip" {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(body)
		w.Close()
		body = packed.Bytes()
	}
	request, err := http.NewRequest("POST", c.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if c.Leave {
		_, err = answer.Body.Read(make([]byte, 1))
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func play(file string) int {
	var p plan
	read(file, &p)
	client, left, failed := clientOf(&p), make(chan *call), 0
	var all sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < p.AtOnce; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for c := range left {
				if err := c.do(client); err != nil && !c.mayFail() {
					lock.Lock()
					failed = 1
					lock.Unlock()
					fmt.Fprintln(os.Stderr, c.URL, c.Headers["X-Tag"], err)
				}
			}
		}()
	}
	for i := range p.Calls {
		left <- &p.Calls[i]
	}
	close(left)
	all.Wait()
	client.CloseIdleConnections()
	return failed
}

// ---- server ----

func certificate(file string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), DNSNames: []string{"localhost"},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serve(directory, state string) int {
	var behind struct {
		HTTP string `json:"http"`
	}
	read(filepath.Join(directory, "ready.json"), &behind)
	target, err := url.Parse(behind.HTTP)
	must(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	ca := filepath.Join(state, "ca.pem")
	config := &tls.Config{Certificates: []tls.Certificate{certificate(ca)}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := &http.Server{Handler: proxy, TLSConfig: config}
	go server.ServeTLS(listener, "", "")
	port := listener.Addr().(*net.TCPAddr).Port
	text, err := json.Marshal(map[string]string{"https": fmt.Sprintf("https://localhost:%d", port), "ca": ca})
	must(err)
	must(os.WriteFile(filepath.Join(state, "ready.new"), text, 0o644))
	must(os.Rename(filepath.Join(state, "ready.new"), filepath.Join(state, "ready.json")))
	for {
		if _, err := os.Stat(filepath.Join(state, "stop")); err == nil {
			server.Close()
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "client" {
		os.Exit(play(os.Args[3]))
	}
	if len(os.Args) == 4 && os.Args[1] == "server" {
		os.Exit(serve(os.Args[2], os.Args[3]))
	}
	fmt.Fprintln(os.Stderr, "usage: tls client|server DIR FILE")
	os.Exit(2)
}

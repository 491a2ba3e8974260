// SPDX-License-Identifier: MIT
// A certificate authority and a leaf for loopback, made by the openssl program for one run.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

/** Makes (once per directory) ca.pem, leaf.pem and leaf.key in `dir`; returns {ca, cert, key} as paths. */
function make(dir) {
  const at = (name) => path.join(dir, name);
  const made = { ca: at('ca.pem'), cert: at('leaf.pem'), key: at('leaf.key') };
  if (Object.values(made).every((file) => fs.existsSync(file))) return made;
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', made.ca, '-days', '7', '-subj', '/CN=tokprof test CA',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  openssl('req', ...newKey, '-keyout', made.key, '-out', at('leaf.csr'), '-subj', '/CN=localhost');
  fs.writeFileSync(at('leaf.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n'
    + 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n');
  openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', made.ca, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '7',
    '-extfile', at('leaf.ext'), '-out', made.cert);
  return made;
}

module.exports = { make };

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority for tests: PEM files that openssl made, in `dir`. */
export class TestAuthority {
  readonly ca: Certificate;

  constructor(
    private readonly dir: string,
    private readonly name = 'authority',
  ) {
    mkdirSync(dir, { recursive: true });
    this.ca = this.files(name);
    this.openssl('req', '-x509', ...KEY, '-nodes', '-keyout', this.ca.key, '-out', this.ca.cert, '-days', '2', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE');
  }

  /** For 127.0.0.1 and localhost, as a server and as a client. `expired`: its time was over yesterday. */
  issue(name: string, { expired = false } = {}): Certificate {
    const files = this.files(`${this.name}-${name}`);
    const [request, extensions] = [join(this.dir, `${name}.csr`), join(this.dir, `${name}.ext`)];
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n');
    this.openssl('req', '-new', ...KEY, '-nodes', '-keyout', files.key, '-out', request, '-subj', `/CN=${name}`);
    // WHY x509 -days -1 does: openssl takes a negative span, so that no clock need be set back.
    this.openssl('x509', '-req', '-in', request, '-CA', this.ca.cert, '-CAkey', this.ca.key, '-CAcreateserial', '-out', files.cert, '-days', expired ? '-1' : '1', '-extfile', extensions);
    return files;
  }

  private files(name: string): Certificate {
    return { cert: join(this.dir, `${name}.pem`), key: join(this.dir, `${name}.key`) };
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A real OpenID provider (npm's oidc-provider) over TLS, with an authority of our own."""
import json
import shutil
import ssl
import subprocess
import urllib.parse
import urllib.request

import broker as brokers

MODULES = brokers.ROOT / "build/oidc/node_modules"
PROGRAM = brokers.ROOT / "tests/oidc/provider.mjs"


def is_there():
    return MODULES.is_dir() and shutil.which("node") is not None


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_authority(directory, name="authority"):
    """Returns the certificate's file; the key stands beside it."""
    certificate = directory / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj", f"/CN={name}",
            "-keyout", certificate.with_suffix(".key"), "-out", certificate)
    return certificate


def make_certificate(directory, authority, name="server", address="IP:127.0.0.1", days=2):
    certificate, request, extension = directory / f"{name}.pem", directory / f"{name}.csr", directory / f"{name}.ext"
    extension.write_text(f"subjectAltName={address}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", certificate.with_suffix(".key"), "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial", "-days", days,
            "-extfile", extension, "-out", certificate)
    return certificate


class Provider:
    def __init__(self, directory, authority=None, address="IP:127.0.0.1"):
        self.directory, self.port = directory, brokers.free_port()
        self.issuer = f"https://127.0.0.1:{self.port}"
        self.authority = authority or make_authority(directory)
        self.certificate = make_certificate(directory, self.authority, f"server-{self.port}", address)
        self.process = None
        self.starts()

    def starts(self):
        program = self.directory / f"provider-{self.port}.mjs"
        shutil.copy(PROGRAM, program)
        if not (self.directory / "node_modules").exists():  # beside the program, where Node.js looks for it
            (self.directory / "node_modules").symlink_to(MODULES)
        with open(self.directory / f"provider-{self.port}.log", "ab") as errors:
            self.process = subprocess.Popen(["node", program, str(self.port), self.certificate, self.certificate.with_suffix(".key")],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert "ready" in self.answer()

    def ends(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def answer(self):
        line = self.process.stdout.readline()
        assert line.startswith("{"), f"the provider said {line!r}"
        return json.loads(line)

    def does(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.answer()["result"]

    def rotates(self, keep=False):
        """New keys; keep: the old ones stay published beside them."""
        self.does("rotate", keep=keep)

    def says(self, path, body=None, status=200, **headers):
        """What is answered instead; without a body: as ever."""
        self.does("say", path=path, answer=None if body is None else {"status": status, "headers": headers, "body": body})

    def is_away(self):
        self.does("leave")

    def is_back(self):
        self.does("return")

    def fetches(self):
        """How often its keys were asked for."""
        return self.does("counts").get("/jwks", 0)

    def token(self, user, audience="hyperchat", **more):
        """By HTTP from its token endpoint. audience None: an ID token, which is for the client `app`."""
        fields = {"grant_type": "test", "client_id": "app", "client_secret": "secret", "user": user, "audience": audience, **more}
        data = urllib.parse.urlencode({name: value for name, value in fields.items() if value is not None}).encode()
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(f"{self.issuer}/token", data, timeout=20, context=context) as response:
            return json.load(response)["token"]

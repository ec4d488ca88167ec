"""A real mosquitto on free loopback ports, with users and a TLS listener."""

import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PATIENCE = 120.0
DESK = {"username": "desk", "password": "desk's own"}
BOX = {"username": "box", "password": "box's own"}


def program():
    """Debian keeps it where only administrators look."""
    for name in ("mosquitto", "/usr/sbin/mosquitto"):
        if found := shutil.which(name):
            return found
    raise AssertionError("mosquitto is not installed: bin/setup --test")


class Mosquitto:
    """The broker's process; ``kill`` and ``start`` as often as wanted, the ports stay."""

    def __init__(self, path):
        path.mkdir()
        self.path = path
        self.port, self.tls_port = free_ports(2)
        self.ca_file = make_certificates(path)
        passwords = path / "passwords"
        passwords.touch(mode=0o600)
        for user in (DESK, BOX):
            subprocess.run(
                ["mosquitto_passwd", "-b", passwords, user["username"], user["password"]],
                check=True,
                capture_output=True,
            )
        (path / "conf").write_text(self._configuration())
        self.process = None

    def _configuration(self):
        lines = [
            "per_listener_settings false",
            "allow_anonymous false",
            "persistence false",
            f"password_file {self.path / 'passwords'}",
            f"listener {self.port} 127.0.0.1",
            f"listener {self.tls_port} 127.0.0.1",
            f"cafile {self.ca_file}",
            f"certfile {self.path / 'server.pem'}",
            f"keyfile {self.path / 'server.key'}",
        ]
        if os.geteuid() == 0:
            lines.insert(0, "user root")  # it would give up the right to read these files
        return "\n".join(lines) + "\n"

    def start(self):
        with (self.path / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program(), "-c", self.path / "conf"], stdout=log, stderr=log
            )
        for port in (self.port, self.tls_port):
            deadline = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert self.process.poll() is None, (self.path / "log").read_text()
                assert time.monotonic() < deadline, "the broker does not listen"
                time.sleep(0.02)
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def make_certificates(path):
    """A CA and a certificate for 127.0.0.1 in ``path``; returns the CA's file."""
    ca_key, ca = _certificate("test CA", None, None)
    key, certificate = _certificate("127.0.0.1", ca_key, ca)
    _write(path / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    _write(path / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))
    _write(
        path / "server.key",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    return path / "ca.pem"


def _write(path: Path, content):
    path.touch(mode=0o600)
    path.write_bytes(content)


def _certificate(name, issuer_key, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        address = x509.IPAddress(ipaddress.ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, builder.sign(issuer_key or key, hashes.SHA256())

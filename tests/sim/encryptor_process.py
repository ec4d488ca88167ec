"""The reference encryptor as a process, and the secrets with which the desk asks it."""

import json
import os
import subprocess
import sys

from conftest import LIB, PATIENCE

CHIPS = {"token": "a token", "identity": "0F" * 16, "purchase": "1E2D3C4B5A69788796A5B4C3D2E1F000"}


class EncryptorProcess:
    """``python -m meterwire.sim.encryptor`` with a key file of its own."""

    def __init__(self, path):
        path.mkdir(parents=True, exist_ok=True)
        self.file = path / "keys.json"
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(CHIPS))

    def __enter__(self):
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "meterwire.sim.encryptor"),
                *("--listen", "127.0.0.1:0", "--keys", str(self.file)),
            ],
            env={**os.environ, "PYTHONPATH": str(LIB)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *exc):
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    @property
    def secrets(self):
        return {
            "encryptors": {"default": {"url": self.url, "token": CHIPS["token"], "timeout": 20}}
        }

"""Codes of the emulated security chip, as ``docs/encryptor.md``, section 3, lays them down.

The reference encryptor makes them, the simulated meter checks them. The desk has no such code.
"""

from Crypto.Cipher import DES

from .cipher import BlockCipher

BLOCK = 8


def meter_key(master, diversifier):
    """Return the 16 bytes of key that a chip with this diversifier has.

    :param master: 16 bytes.
    :param diversifier: 8 bytes.
    """
    over = BlockCipher(master)
    return over.encrypt(diversifier) + over.encrypt(bytes(255 - byte for byte in diversifier))


def identity_cipher(key, random1):
    """Return what proves that the asker has the identity key."""
    return BlockCipher(key).encrypt(random1)


def order_mac(key, random2, function, data):
    """Return the 4 bytes of MAC1 or MAC2.

    :param key: purchase key of the meter, 16 bytes.
    :param random2: the 4 bytes that the chip gave in this session.
    :param function: data identifier, 4 bytes, high byte first.
    :param data: fields as the chip keeps them, high byte first.
    """
    left, right = DES.new(key[:8], DES.MODE_ECB), DES.new(key[8:], DES.MODE_ECB)
    text = function + data + b"\x80"
    text += bytes(-len(text) % BLOCK)
    state = random2 + bytes(4)
    for at in range(0, len(text), BLOCK):
        state = left.encrypt(
            bytes(a ^ b for a, b in zip(state, text[at : at + BLOCK], strict=True))
        )
    return left.encrypt(right.decrypt(state))[:4]

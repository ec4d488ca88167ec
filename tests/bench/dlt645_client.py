"""The other side of ``dlt645_package``: reads with the package `dlt645`, in its own environment.

    dlt645_client.py PORT ADDRESS ...

Answers each line ``sync|async COUNT PAUSE`` with JSON: seconds, CPU seconds, the last value.
"""

import asyncio
import json
import sys
import time

from dlt645 import MeterClientService
from dlt645.aio import AsyncMeterClientService

TOTAL_ENERGY = 0x00010000


def main():
    port, addresses = int(sys.argv[1]), sys.argv[2:]
    # It sends an address as it is written, and DL/T 645 wants the low byte first.
    addresses = [bytes.fromhex(address)[::-1].hex() for address in addresses]
    client = MeterClientService.new_tcp_client("127.0.0.1", port, timeout=5.0)
    other = AsyncMeterClientService.new_tcp_client("127.0.0.1", port, timeout=5.0)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            how, count, pause = line.split()
            addressees = [addresses[n % len(addresses)] for n in range(int(count))]
            begun, cpu = time.perf_counter(), time.process_time()
            if how == "sync":
                value = read(client, addressees, float(pause))
            else:
                value = runner.run(read_async(other, addressees))
            spent = time.perf_counter() - begun, time.process_time() - cpu
            print(json.dumps([*spent, str(value)]), flush=True)


def read(client, addressees, pause):
    for number, address in enumerate(addressees):
        if number and pause:
            time.sleep(pause)
        client.set_address(address)
        item = client.read_00(TOTAL_ENERGY)
    return item.value


async def read_async(client, addressees):
    for address in addressees:
        client.set_address(address)
        item = await client.read_00(TOTAL_ENERGY)
    return item.value


if __name__ == "__main__":
    main()

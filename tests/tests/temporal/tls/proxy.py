"""Speaks TLS on one side and plainly to a service on the other; asks clients for a certificate.

Arguments: folder of the certificates, address of the service. Prints the port that it listens at.
"""

import asyncio
import ssl
import sys

folder, service = sys.argv[1], sys.argv[2]
host, port = service.rsplit(":", 1)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
context.load_verify_locations(f"{folder}/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
context.set_alpn_protocols(["h2"])


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def connected(reader, writer):
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))


async def main():
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())

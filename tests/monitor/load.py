#!/usr/bin/env python3
"""Bothers a server and scrapes it meanwhile: load.py URL KIND COUNT SCRAPES. Prints how the scrapes fared; the status is 1
if one of them failed. Kinds: open (connects and says nothing), half (half of a request), drip (a request, a byte at a
time), unread (asks, and never reads), endless (a header without an end), garbage (bytes that are no HTTP), bodies (a
request with a body that does not come)."""

import os
import selectors
import socket
import sys
import time
import urllib.parse
import urllib.request

REQUEST = b'GET /api/v1/history HTTP/1.1\r\nHost: localhost\r\nX-Padding: ' + b'x' * 200 + b'\r\n\r\n'
SAID_AT_ONCE = {
    'open': b'',
    'half': REQUEST[:40],
    'drip': b'',
    'unread': REQUEST * 50,
    'endless': b'GET / HTTP/1.1\r\nX: ' + b'x' * 60000,
    'garbage': os.urandom(2000),
    'bodies': b'POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n' + b'x' * 1000,
}


class Crowd:
    """Connections that are replaced when the server ends them."""

    def __init__(self, address, kind, count):
        self.address, self.kind, self.count = address, kind, count
        self.ended = 0
        self.sockets = {}
        while len(self.sockets) < count:
            self.connect()

    def connect(self):
        bother = socket.socket()
        bother.setblocking(False)
        bother.connect_ex(self.address)
        self.sockets[bother] = 0

    def replace(self, bother):
        bother.close()
        del self.sockets[bother]
        self.ended += 1
        self.connect()

    def push(self):
        """Says what there is to say on each connection."""
        for bother, said in list(self.sockets.items()):
            try:
                if self.kind == 'drip':
                    self.sockets[bother] += bother.send(REQUEST[said:said + 1])
                elif said == 0 and SAID_AT_ONCE[self.kind]:
                    self.sockets[bother] += bother.send(SAID_AT_ONCE[self.kind])
                if self.kind != 'unread' and bother.recv(65536) == b'':
                    self.replace(bother)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno not in (115, 107):
                    self.replace(bother)


def scrape(url):
    begin = time.monotonic()
    with urllib.request.urlopen(url + 'metrics', timeout=30) as answer:
        text = answer.read().decode()
    if 'genv_host_up 1' not in text:
        raise OSError('not the metrics')
    return time.monotonic() - begin


def main():
    url, kind, count, scrapes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    parts = urllib.parse.urlsplit(url)
    crowd = Crowd((parts.hostname, parts.port), kind, count)
    times, failed = [], 0
    for _ in range(scrapes):
        crowd.push()
        try:
            times.append(scrape(url))
        except OSError as error:
            print(f'a scrape failed: {error}')
            failed += 1
    times.sort()
    took = f'median {times[len(times) // 2] * 1000:.1f} ms, slowest {times[-1] * 1000:.1f} ms' if times else ''
    print(f'{kind}: {len(times)} of {scrapes} scrapes during {count} connections, of which {crowd.ended} ended; {took}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
"""Follows a run of a Longhaul fleet by its event stream in Redis. Needs Python 3.8 and nothing else.

    subscribe.py FLEET RUN [--redis redis://host:6379/0] [--after NUMBER]

Each event is one line: its number, its type, its data. Keep the number of the last event that you dealt
with, and begin after it the next time. A password is taken from REDISCLI_AUTH, as redis-cli does.
"""

import argparse
import json
import os
import socket
import ssl
import sys
from urllib.parse import unquote, urlparse

FINAL = {"complete", "cancelled", "void"}


class Redis:
    """As much of Redis' protocol as reading a stream takes."""

    def __init__(self, url):
        place = urlparse(url)
        host = place.hostname or "127.0.0.1"
        link = socket.create_connection((host, place.port or 6379), timeout=30)
        if place.scheme == "rediss":
            link = ssl.create_default_context().wrap_socket(link, server_hostname=host)
        self.link, self.answers = link, link.makefile("rb")
        password = os.environ.get("REDISCLI_AUTH")
        if password:
            self.ask("AUTH", *([unquote(place.username)] if place.username else []), password)
        self.ask("SELECT", place.path.strip("/") or "0")

    def ask(self, *words):
        parts = [str(word).encode() for word in words]
        lines = [b"*%d\r\n" % len(parts)] + [b"$%d\r\n%s\r\n" % (len(p), p) for p in parts]
        self.link.sendall(b"".join(lines))
        return self.answer()

    def answer(self):
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis ended the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.answers.read(size + 2)[:-2].decode()
        if kind == b"*":
            return None if int(rest) < 0 else [self.answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()


def gap(redis, log, stream, after):
    """What is missing after a position: the same that `longhaul events --after` tells as a gap."""
    begun, last = (int(number or 0) for number in redis.ask("HMGET", log, "begun", "last"))
    first = redis.ask("XRANGE", stream, "-", "+", "COUNT", 1)
    begins = int(first[0][0].split("-")[0]) - 1 if first else begun
    if after > last or after < begun:
        return begins, {"kind": "gap", "missed": None}  # The stream began anew.
    if after < begins:
        return begins, {"kind": "gap", "missed": begins - after}
    return after, None


def follow(redis, fleet, run, after):
    """The events after a position as (number, type, data), to the end of the run."""
    log, stream = (f"longhaul:1:{fleet}:{{{run}}}:{what}" for what in ("log", "events"))
    if after:
        after, missing = gap(redis, log, stream, after)
        if missing:
            yield after, "longhaul.gap.v1", missing
    while True:
        answer = redis.ask("XREAD", "COUNT", 500, "BLOCK", 5000, "STREAMS", stream, f"{after}-0")
        for _, entries in answer or []:
            for entry, fields in entries:
                after = int(entry.split("-")[0])
                event = json.loads(dict(zip(fields[::2], fields[1::2]))["event"])
                yield after, event["type"], event["data"]
                if event["data"].get("state") in FINAL and event["type"] == "longhaul.run.v1":
                    return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fleet", help="the fleet's name, as in its file")
    parser.add_argument("run")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0", metavar="URL")
    parser.add_argument("--after", type=int, default=0, metavar="NUMBER", help="resume after this one")
    asked = parser.parse_args()
    for number, kind, data in follow(Redis(asked.redis), asked.fleet, asked.run, asked.after):
        if kind == "longhaul.gap.v1":
            # Whoever adds numbers up must look at `longhaul status` now: some are missing.
            print("events are missing here", file=sys.stderr)
        print(number, kind, json.dumps(data, sort_keys=True), flush=True)


if __name__ == "__main__":
    main()

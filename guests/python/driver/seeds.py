"""Randomness that imports bake into an image, drawn again for every fork of it.

`_unseed` makes what can seed itself on first use do so, once, at image build; `_find_seeders` lists the rest, which
`_reseed` runs before the first turn of a fork. All of it comes from `os.urandom`, so from the policy's seed when
there is one.
"""
import os
import sys

_seeders = ()


def _unseed():
    modules = sys.modules
    tempfile = modules.get("tempfile")
    if tempfile is not None:
        tempfile._name_sequence = None
    uuid = modules.get("uuid")
    if uuid is not None:
        for name in ("_node", "_last_timestamp", "_last_timestamp_v6", "_last_timestamp_v7"):
            if hasattr(uuid, name):
                setattr(uuid, name, None)
        if hasattr(uuid, "_last_counter_v7"):
            uuid._last_counter_v7 = 0


def _find_seeders():
    """The cheapest calls that give this image's generators new states."""
    modules, seeders, urandom = sys.modules, [], os.urandom
    random = modules.get("random")
    if random is not None:
        # 256 bits; the 2,496 bytes that `seed(None)` draws cost more.
        instance, from_bytes = random._inst, int.from_bytes

        def seed_random():
            type(instance).__base__.seed(instance, from_bytes(urandom(32)))
            instance.gauss_next = None

        seeders.append(seed_random)
    mtrand = modules.get("numpy.random.mtrand")
    if mtrand is not None:
        # `seed()` stretches its seed over the whole state, which costs fourteen times as much.
        numpy = modules["numpy"]
        seed, frombuffer, words = mtrand._rand.seed, numpy.frombuffer, numpy.dtype("u4")
        seeders.append(lambda: seed(frombuffer(urandom(32), words)))
    process = modules.get("multiprocessing.process")
    if process is not None:

        def seed_authkey():
            process._current_process._config["authkey"] = process.AuthenticationString(urandom(32))

        seeders.append(seed_authkey)
    logging = modules.get("logging")
    if logging is not None and hasattr(logging, "_startTime"):
        from time import time_ns

        def start_logging():
            logging._startTime = time_ns()

        seeders.append(start_logging)
    return tuple(seeders)


def _reseed():
    for seeder in _seeders:
        seeder()

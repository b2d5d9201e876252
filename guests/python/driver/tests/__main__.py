"""Tries the driver inside the real guest.

python3 tests [--sandcell COMMAND] [WORD…]     only the tests whose names hold a WORD; `fuel` prints costs
"""
import argparse
import importlib
import sys

import fuel
import guest

MODULES = ("values", "splitting", "errors", "surroundings")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandcell", default=guest.sandcell)
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args()
    guest.sandcell = chosen.sandcell
    failed = tried = 0
    for module in map(importlib.import_module, MODULES):
        for name, test in vars(module).items():
            name = f"{module.__name__}.{name}"
            if ".test_" in name and (not chosen.words or any(word in name for word in chosen.words)):
                tried += 1
                failed += not succeeds(name, test)
    if "fuel" in chosen.words:
        fuel.report()
    print(f"{tried} tried, {failed} failed")
    return failed != 0 or not (tried or "fuel" in chosen.words)


def succeeds(name, test):
    try:
        test()
    except AssertionError as error:
        place = error.__traceback__.tb_next or error.__traceback__
        print("FAIL", name, "line", place.tb_lineno, str(error)[:1500])
        return False
    print("ok  ", name)
    return True


if __name__ == "__main__":
    sys.exit(main())

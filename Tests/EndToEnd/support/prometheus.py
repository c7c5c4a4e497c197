"""Prometheus' text format 0.0.4, read strictly."""

import re

from suite import call

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)')


class Scrape:
    """One answer of /metrics: `types` by name, and values by name and labels."""

    def __init__(self, text):
        self.types, self.values = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"{name} is declared twice"
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in self.types else name
                assert family in self.types, f"{name} has no type"
                key = (name, frozenset(LABEL.findall(labels or "")))
                assert key not in self.values, f"{line} stands twice"
                self.values[key] = float(value)

    def __call__(self, name, **labels):
        """The sum over all series that have these labels; None where there is none."""
        found = [value for (n, l), value in self.values.items() if n == name and set(labels.items()) <= l]
        return sum(found) if found else None

    def labels(self, name):
        return {label for (n, l), _ in self.values.items() if n == name for label, _ in l}


def scrape(worker):
    answer = call("GET", f"{worker.url}/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.body.decode())

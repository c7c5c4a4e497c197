"""Runs of this build and of another one, at the same time: what else the machine does hits both."""

import json
import os
import subprocess


def pairs(command, binaries, other, runs):
    """What `command` prints as JSON with the binaries of each build, by name, `runs` times."""
    builds = {"this build": str(binaries), "the other": other}
    for _ in range(runs):
        started = {
            name: subprocess.Popen(command, env=os.environ | {"ANALYTICS_BINARIES": build}, stdout=subprocess.PIPE, text=True)
            for name, build in builds.items()}
        for name, run in started.items():
            text, _ = run.communicate()
            assert run.returncode == 0, name
            yield name, json.loads(text)

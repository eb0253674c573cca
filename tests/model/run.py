#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the Promela models with spin: `make model`. --out is where the verifiers are built.

Each model must hold in each of its configurations, with every statement reached in one of them, and the
functions that it names must still be in the tree. Then each mutation of it (-DMUT_NAME puts one step in a
wrong place) must be found: one that passes is a failure of the model.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
DEPTH = 100000
MEGABYTES = 2000
SECONDS = 120  # for one verification, on a slow machine


@dataclasses.dataclass
class Result:
    errors: int
    states: int
    depth: int
    seconds: float
    megabytes: float
    what: str  # of an error
    present: set
    unreached: set
    live: bool


# Name: defines. LIVE: the model's LTL property under weak fairness, besides the assertions.
SLOT = {
    "well": "DESTROY RECREATE TOGGLE LOOK",
    "well-paused": "TOGGLE PAUSE",
    "well-recreated-paused": "DESTROY RECREATE PAUSE NREQ=1",
    "hostile": "HOSTILE DESTROY RECREATE TOGGLE",
    "hostile-paused": "HOSTILE DESTROY PAUSE NREQ=1",
    "hostile-killed": "HOSTILE DESTROY DEATH NREQ=1",
    "hostile-killed-owner": "HOSTILE DEATH",
    "well-live": "LIVE TOGGLE DESTROY NREQ=1",
    "hostile-live": "LIVE HOSTILE TOGGLE DESTROY NREQ=1",
}

# Name: the configuration that finds it.
SLOT_MUTATIONS = {
    "STATE_BEFORE_FIELDS": "well",
    "WAIT_AFTER_READY": "well",
    "NOTIFY_FIRST": "well",
    "NO_WORK_BIT": "well",
    "FLAG_BEFORE_BIT": "well",
    "CHECK_BEFORE_FLAG": "well",
    "NO_RECHECK": "well",
    "STATE_REREAD": "well",
    "DATA_BEFORE_STATE": "well",
    "NO_RESET": "well",
    "CLEAR_AFTER_WORK": "well",
    "NO_GENERATION": "well",
    "NO_GRACE": "hostile",
    "WAKE_BEFORE_GRACE": "hostile",
    "NO_WAKE": "hostile",
    "FREE_BEFORE_WAKE": "hostile",
    "STAYS_PUBLISHED": "hostile",
    "DISABLE_NO_GRACE": "well",
    "ENABLE_BEFORE_PORT": "well",
    "WAKE_CHECK_FIRST": "well",
    "SCHEDULE_UNLOCKED": "well",
    "NO_KICK": "hostile-killed-owner",
    "NO_TARGET_REF": "hostile-killed",
    "FREE_QUEUED": "hostile-killed-owner",
    "NO_BREATH": "hostile-live",
}

INVALIDATE = {
    "two-servers": "",
    "other-domain": "FOREIGN SOLO SERVERS=2",
    "toggled": "TOGGLE SERVERS=2",
    "stuck-disabled": "STUCK TOGGLE SERVERS=2",
    "destroyed": "DESTROY SERVERS=2",
    "stuck-destroyed": "STUCK DESTROY SERVERS=2",
    "toggled-live": "LIVE TOGGLE SERVERS=2",
    "stuck-destroyed-live": "LIVE STUCK DESTROY SERVERS=2",
}

INVALIDATE_MUTATIONS = {
    "COUNT_BEFORE_REMOVAL": "two-servers",
    "OFF_BY_ONE": "two-servers",
    "ACK_CURRENT": "two-servers",
    "SAMPLE_AFTER_POST": "two-servers",
    "WAIT_AFTER_PUBLISH": "two-servers",
    "FIRST_ANSWER": "two-servers",
    "NO_RESET": "other-domain",
    "ANSWER_FIRST": "two-servers",
    "BUSY_FORGETS": "other-domain",
    "ONE_VCPU": "other-domain",
    "DISABLED_RESETS": "toggled",
    "KEEPS_CACHE": "toggled",
    "DISABLE_NO_WAKE": "stuck-disabled",
    "DESTROY_NO_WAKE": "stuck-destroyed",
    "DESTROY_NO_GRACE": "destroyed",
    "NOT_SETTLING": "toggled",
    "NO_ACK": "toggled-live",
}

MODELS = {"slot": (SLOT, SLOT_MUTATIONS), "invalidate": (INVALIDATE, INVALIDATE_MUTATIONS)}


class Failed(Exception):
    pass


def run(command, directory, seconds=SECONDS):
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False,
                              timeout=seconds, errors="replace")
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[0]}: not finished after {seconds} s") from error
    return done.returncode, done.stdout + done.stderr


def build(model, defines, directory):
    """The verifier ./pan of a model with some defines."""
    directory.mkdir(parents=True, exist_ok=True)
    live = "LIVE" in defines
    status, text = run(["spin", *(f"-D{name}" for name in defines), "-a", str(HERE / f"{model}.pml")],
                       directory)
    if status != 0 or not (directory / "pan.c").exists() or "rror" in text:
        raise Failed(f"spin: {text}")
    flags = ["-DNFAIR=3"] if live else ["-DSAFETY"]
    # Compiling is a good part of the time, and a mutation is found soon. -O2 is no faster than -O1.
    flags.append("-O0" if any(name.startswith("MUT_") for name in defines) else "-O1")
    status, text = run(["cc", "-w", f"-DMEMLIM={MEGABYTES}", *flags, "-o", "pan", "pan.c"], directory)
    if status != 0:
        raise Failed(f"cc: {text}")
    return live


def reachable(text):
    """From `pan -d`: (process type, state number, line) of every statement."""
    found, process = set(), ""
    for line in text.splitlines():
        header = re.match(r"(?:proctype|init|claim)\s*(\w*)", line)
        if header:
            process = header.group(1)
        state = re.match(r"\s*state\s+(\d+) -.*\.pml:(\d+) =>", line)
        if state:
            found.add((process, int(state.group(1)), int(state.group(2))))
    return found


def unreached(text):
    """From the verifier's report: (process type, state number)."""
    found, process = set(), ""
    for line in text.splitlines():
        header = re.match(r"unreached in (?:proctype|claim|init)\s*(\w*)", line)
        if header:
            process = header.group(1)
        state = re.match(r"\s+\S+\.pml:(\d+), state (\d+),", line)
        if state:
            found.add((process, int(state.group(2))))
    return found


def verify(model, defines, out):
    defines = defines.split()
    directory = out / model / ("-".join(defines).replace("=", "") or "plain")
    begin = time.monotonic()
    live = build(model, defines, directory)
    _, table = run(["./pan", "-d"], directory)
    _, text = run(["./pan", f"-m{DEPTH}", *(["-a", "-f"] if live else [])], directory)
    (directory / "report.txt").write_text(text, encoding="utf-8")
    errors = re.search(r"depth reached (\d+), errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    memory = re.search(r"([\d.]+)\s+total actual memory", text)
    if not errors or not states or not memory or "max search depth too small" in text:
        raise Failed(f"{directory.name}: no verdict:\n{text[-1500:]}")
    if errors.group(2) == "0" and "Search not completed" in text:
        raise Failed(f"{directory.name}: not all states were searched (limit {MEGABYTES} MB)")
    what = re.search(r"^pan:\d*:? ?(.*) \(at depth", text, re.MULTILINE)
    return Result(int(errors.group(2)), int(states.group(1)), int(errors.group(1)),
                  time.monotonic() - begin, float(memory.group(1)), what.group(1) if what else "",
                  reachable(table), unreached(text), live)


def check_names(model):
    """Functions listed as `MODELS file: name...` in the model are still defined there."""
    count = 0
    for path, names in re.findall(r"MODELS (\S+): ([\w ]+)", (HERE / f"{model}.pml").read_text()):
        text = (TREE / path).read_text(encoding="utf-8")
        for name in names.split():
            if not re.search(rf"^(?=[^\s/*#])[^\n;=]*\b{name}\(", text, re.MULTILINE):
                raise Failed(f"{model}.pml models {name}() of {path}, which is not there")
            count += 1
    if count == 0:
        raise Failed(f"{model}.pml names no function")
    print(f"{model}: {count} functions named, all there", flush=True)


def never_reached(model, results):
    """Lines of which no configuration reaches a statement; ends of processes do not count."""
    lines, reached = set(), set()
    for result in results:
        lines |= {(process, line) for process, _, line in result.present}
        reached |= {(process, line) for process, state, line in result.present
                    if (process, state) not in result.unreached}
    source = (HERE / f"{model}.pml").read_text().splitlines()
    return sorted(line for process, line in lines - reached
                  if source[line - 1].strip() not in ("}", "false", "assert(false);", "init"))


def check_model(model, out, pool, summary):
    configurations, mutations = MODELS[model]
    bad = 0
    check_names(model)
    jobs = {name: pool.submit(verify, model, defines, out) for name, defines in configurations.items()}
    for name, job in jobs.items():
        result = job.result()
        print(f"{'FAIL' if result.errors else 'ok':4} {model} {name:24} {result.states:9} states, depth "
              f"{result.depth:5}, {result.megabytes:4.0f} MB, {result.seconds:4.1f} s "
              f"{' LTL, weak fairness' if result.live else ''} {result.what}", flush=True)
        bad += result.errors != 0
    if bad:
        return bad
    results = [job.result() for job in jobs.values()]
    for line in never_reached(model, [result for result in results if not result.live]):
        print(f"FAIL {model}.pml:{line}: no configuration reaches this", flush=True)
        bad += 1
    text = (HERE / f"{model}.pml").read_text()
    for name in sorted(set(re.findall(r"\bMUT_(\w+)", text)) ^ set(mutations)):
        if name != "*":
            print(f"FAIL {model}: mutation {name} is in one place only, model or list", flush=True)
            bad += 1
    jobs = {name: pool.submit(verify, model, f"{configurations[where]} MUT_{name}", out)
            for name, where in mutations.items()}
    found = 0
    for name, job in jobs.items():
        result = job.result()
        found += result.errors != 0
        print(f"{'ok' if result.errors else 'FAIL':4} {model} mutation {name:20} "
              f"{'found after' if result.errors else 'PASSES in'} {result.states} states: {result.what[:60]}",
              flush=True)
    bad += len(mutations) - found
    summary.append((model, len(configurations), sum(result.live for result in results),
                    sum(result.states for result in results), found, len(mutations), bad))
    return bad


def print_summary(summary, seconds):
    print(f"\n{'model':12} {'configurations':>14} {'with LTL':>9} {'states':>10} {'mutations found':>16} "
          f"{'failures':>9}")
    for model, configurations, live, states, found, mutations, bad in summary:
        print(f"{model:12} {configurations:14} {live:9} {states:10} {f'{found} of {mutations}':>16} {bad:9}")
    print(f"model: {len(summary)} models, {sum(row[3] for row in summary)} states, "
          f"{sum(row[4] for row in summary)} of {sum(row[5] for row in summary)} mutations found, "
          f"{seconds:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("models", nargs="*", help=", ".join(MODELS))
    arguments = parser.parse_args()
    bad, summary, begin = 0, [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for model in arguments.models or MODELS:
            try:
                bad += check_model(model, arguments.out.resolve(), pool, summary)
            except (Failed, OSError) as error:
                print(f"FAIL {model}: {error}", flush=True)
                bad += 1
                pool.shutdown(cancel_futures=True)
                break
    print_summary(summary, time.monotonic() - begin)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What a boot tree asks for is what its domains get: small domains (tests/payloads/probe) that say what they see.

Each test boots once and takes a few seconds. docs/boot.md is the reference of what is tested here.
"""

import re
import time

import pytest

import fdt
from boot import MIB, Boot, Domain, Machine, zcu102
from qemu import Console

LIMIT = 30
KEY = "\x01\x01\x01"
GUEST_RTC = 0x10010000


@pytest.fixture
def start(out, tmp_path):
    """Boot domains; the console is closed after the test."""
    consoles = []

    def run(domains=(), control=None, machine=None, image=None, bootargs="", hook=None, reboot=False):
        boot = Boot(machine or Machine(gic=3, smp=2), image or out / "wherry.img", control=control,
                    domains=domains, bootargs=bootargs, tree_hook=hook)
        console = Console(boot.prepare(tmp_path), log=tmp_path / "console.log", reboot=reboot)
        consoles.append(console)
        return console

    yield run
    for console in consoles:
        console.close()


@pytest.fixture
def probe(out):
    """A domain with that command line."""
    def make(bootargs="", name="domU1", **keywords):
        given = {"kernel": str(out / "payloads" / "probe.img"), "memory": 32, **keywords}
        return Domain(name=name, bootargs=bootargs, **given)

    return make


def see(console, *patterns, limit=LIMIT):
    """Wait until each pattern was in a line; their order does not count. Returns the matches."""
    found = {}
    deadline = time.monotonic() + limit
    while len(found) < len(patterns):
        missing = [p for p in patterns if p not in found]
        line = console.wait_for("|".join(f"(?:{p})" for p in missing), deadline - time.monotonic()).string
        for pattern in missing:
            match = re.search(pattern, line)
            if match:
                found[pattern] = match
    return [found[p] for p in patterns]


def hypervisor_lines(console):
    return [line for line in console.lines if line.startswith("(wherry)")]


def only_line(console, *words):
    """The hypervisor's only line that has all these words."""
    found = [line for line in hypervisor_lines(console)
             if all(re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", line) for w in words)]
    assert len(found) == 1, console.describe(f"{words}: {found}")
    return found[0]


# --- several domains ---

@pytest.mark.parametrize("board", ["gic2", "gic3", "zcu102"])
def test_each_domain_gets_its_own(start, probe, board):
    """vCPUs, memory, images of a control domain and three others; ids by place in the tree."""
    machine = zcu102() if board == "zcu102" else Machine(gic=int(board[-1]), smp=4)
    initrd = probe().kernel
    console = start(control=probe("stay", name="control", cpus=2, memory=48), machine=machine, domains=[
        probe("stay", name="domU1", cpus=1, memory=16, ramdisk=initrd),
        probe("stay", name="domU2", cpus=8, memory=100),
        probe("stay", name="domU3", cpus=3, memory=24, props={"xen,enhanced": "disabled", "vpl011": True})])
    want = {0: (2, 48), 1: (1, 16), 2: (8, 100), 3: (3, 24)}
    see(console, *[rf"^\(d{d}\) probe: {what}" for d, (cpus, memory) in want.items()
                   for what in (f"memory {memory} MiB", f"ran {cpus} of {cpus} vCPUs", "ends")])
    text = "\n".join(console.lines)
    size = len(open(initrd, "rb").read())
    assert f"(d1) probe: loaded at 40000000, hypervisor 1, initrd {size} bytes" in text
    assert "(d3) probe: loaded at 40000000, hypervisor 0, initrd 0 bytes" in text


def test_memory_in_two_banks(start, probe):
    """More than fits below 4 GiB goes into the second bank of the guest's map."""
    console = start([probe(memory=3200)], machine=Machine(gic=3, memory=3584))
    see(console, r"probe: memory 3200 MiB", r"probe: ends")


def test_ends_of_domains_are_their_own(start, probe):
    """Off, reset and crash of some leave another one running; without a control domain the machine goes on."""
    console = start([probe("", "domU1"), probe("reset", "domU2"), probe("crash", "domU3"),
                     probe("echo", "domU4", props={"vpl011": True})])
    see(console, r"d1 shut down, reason 0", r"d2 shut down, reason 1", r"d3 shut down, reason 3",
        r"\(d4\) probe: listens")
    while True:  # the input goes from domain to domain
        console.send(KEY)
        if console.wait_for(r"input to (d\d|the hypervisor)", 10)[1] == "d4":
            break
    console.send("still here\n")
    console.wait_for(r"\(d4\) probe: heard still here", 10)
    assert console.process.poll() is None


# --- the machine's end ---

def test_control_domain_powers_off(start, probe):
    console = start([probe("stay")], control=probe("ms=300", name="control"))
    see(console, r"\(d1\) probe: ends", r"d0 shut down, reason 0")
    console.wait_end(5)


def test_control_domain_restarts(start, probe):
    console = start(control=probe("reset", name="control"), reboot=True)
    for _ in range(2):
        console.wait_for(r"Wherry \d", LIMIT)
        console.wait_for(r"d0 shut down, reason 1", LIMIT)


def test_noreboot(start, probe):
    console = start(control=probe("reset", name="control"), bootargs="noreboot", reboot=True)
    console.wait_for(r"d0 shut down, reason 1", LIMIT)
    assert not console.drain(1.5), "the machine is off"
    assert sum("Wherry 0" in line for line in console.lines) == 1


# --- device models that are not the control domain ---

@pytest.mark.parametrize("how", ["name", "phandle"])
def test_device_model_domain(start, probe, how):
    """The domain that the served one's node names may serve it; a third may not, nor it any other."""
    def name_it(root):
        chosen = root.children["chosen"]
        if how == "name":
            chosen.children["served"].set("wherry,device-model", "model")
        else:
            chosen.children["model"].set("phandle", 0x4711)
            chosen.children["served"].set("wherry,device-model", 0x4711)

    console = start([probe("read", "served"), probe("serve=1 dmop=3", "model"), probe("dmop=1", "stranger")],
                    hook=name_it)
    see(console, r"\(d2\) probe: serves d1: 0", r"\(d1\) probe: read 5ca1ab1e",
        r"\(d2\) probe: dm_op on d3: nr_vcpus -1, create -1",
        r"\(d3\) probe: dm_op on d1: nr_vcpus -1, create -1")


def test_nobody_may_serve_unless_said(start, probe):
    """Without wherry,device-model only the control domain is a device model; an absent domain is -ESRCH."""
    console = start([probe("stay", "served"), probe("dmop=1", "other")], control=probe("dmop=1 stay", name="control"))
    see(console, r"\(d0\) probe: dm_op on d1: nr_vcpus 0, create 0",
        r"\(d2\) probe: dm_op on d1: nr_vcpus -1, create -1")


def test_without_the_subsystem(start, probe, out):
    """CONFIG_IOREQ_SERVER=n: domains run, dm_op is -ENOSYS for all."""
    image = out / "variants" / "noioreq" / "wherry.img"
    assert image.exists(), "the variant was not built: `make check` does"
    console = start([probe("dmop=1")], control=probe("dmop=1 stay", name="control"), image=image)
    see(console, r"\(d0\) probe: dm_op on d1: nr_vcpus -38, create -38",
        r"\(d1\) probe: dm_op on d1: nr_vcpus -38, create -38")


# --- console ---

def test_input_goes_round(start, probe):
    """Control domain first, then by id, then the hypervisor; one that has no UART reads by hypercall."""
    console = start([probe("echo", "domU1", props={"vpl011": True}), probe("echo", "domU2")],
                    control=probe("echo", name="control"))
    see(console, *[rf"\(d{d}\) probe: listens" for d in range(3)])
    for domain in (0, 1, 2):
        console.send(f"word{domain}\n")
        console.wait_for(rf"\(d{domain}\) probe: heard word{domain}$", 10)
        console.send("a\x01\x01b\n")  # less than three of the key: input like any other
        console.wait_for(rf"\(d{domain}\) probe: heard a\x01\x01b", 10)
        console.send(KEY)
        console.wait_for(r"input to (d\d|the hypervisor)", 10)
    console.send("h")
    console.wait_for(r"\(wherry\) 'h'", 10)


def test_debug_keys(start, probe):
    """What each key shows of a domain with a device model that lets a request hang."""
    console = start([probe("read stay", "served", cpus=2)], control=probe("serve=1 hold stay", name="control"),
                    machine=Machine(gic=3, smp=2))
    see(console, r"request of vCPU 0 at 2000000")
    console.send(KEY + KEY)
    console.wait_for(r"input to the hypervisor", 10)
    deadline = time.monotonic() + 10
    forwarded = "0"
    while forwarded == "0":  # the device model may have the request before the guest's pCPU has counted it
        assert time.monotonic() < deadline, console.describe("the request was not counted")
        console.send("q")
        console.wait_for(r"d1: 2 vCPUs", 10)
        forwarded = console.wait_for(r"forwarded (\d+),", 10)[1]
    shows = {
        "h": [r"q  domains", r"i  ioreq", r"p  p2m", r"e  event", r"r  run", r"h  "],
        "q": [r"d0: 1 vCPUs, \d+ of 8192 pages", r"d1: 2 vCPUs, 8192 of 8192 pages", r"forwarded 1,"],
        "i": [r"server 0 of d0, generation \d+, enabled", r"memory, 1 ranges: 2000000-2000fff",
              r"d1v0 waits for server 0: read 2000000, size 4"],
        "p": [r"d0\b.*", r"d1\b.*\d+"],
        "e": [r"d0\b", r"d1\b", r"interdomain|remote|d0.*port"],
        "r": [r"pCPU 0", r"pCPU 1"],
    }
    for key, patterns in shows.items():
        console.send(key)
        console.wait_for(rf"\(wherry\) '{key}': ", 10)
        see(console, *patterns, limit=10)
    console.send("?")
    console.wait_for(r"'\?': no such key", 10)


# --- kernels ---

def patched(source, target, *changes):
    """A copy of an image with (offset, bytes) written over."""
    data = bytearray(open(source, "rb").read())
    for offset, value in changes:
        data[offset:offset + len(value)] = value
    target.write_bytes(data)
    return str(target)


def test_kernel_forms(start, probe, tmp_path):
    """Where an Image says, an old one's fixed offset, and a raw binary at the start of memory."""
    image = probe().kernel
    offset = patched(image, tmp_path / "offset", (8, (0x100000).to_bytes(8, "little")))
    old = patched(image, tmp_path / "old", (16, bytes(8)))
    raw = patched(image, tmp_path / "raw", (56, bytes(4)), (8, (0x100000).to_bytes(8, "little")))
    domains = [probe("", name) for name in ("d1", "d2", "d3")]
    for domain, kernel in zip(domains, (offset, old, raw)):
        domain.kernel = kernel
    console = start(domains)
    see(console, r"\(d1\) probe: loaded at 40100000,", r"\(d2\) probe: loaded at 40080000,",
        r"\(d3\) probe: loaded at 40000000,", *[rf"\(d{d}\) probe: ends" for d in (1, 2, 3)])


# --- devices passed through ---

def rtc_tree(path, reg=(0x9010000, 0x1000, GUEST_RTC), host="/pl031@9010000", phandle=None):
    """A partial tree for the RTC of QEMU's virt machine."""
    root = fdt.Node()
    root.set("#address-cells", 2).set("#size-cells", 2)
    if phandle:
        root.child("gic").set("phandle", phandle)
    bus = root.child("passthrough")
    bus.set("compatible", "simple-bus").set("ranges", True).set("#address-cells", 2).set("#size-cells", 2)
    node = bus.child(f"rtc@{GUEST_RTC:x}")
    node.set("compatible", fdt.strings("arm,pl031", "arm,primecell"))
    node.set("reg", fdt.cells64(GUEST_RTC, 0x1000)).set("interrupts", fdt.cells(0, 2, 4))
    node.set("xen,reg", fdt.cells64(*reg)).set("xen,path", host)
    if phandle:
        node.set("interrupt-parent", phandle)
    path.write_bytes(fdt.serialize(root))
    return str(path)


@pytest.mark.parametrize("gic", [2, 3])
def test_device_passed_through(start, probe, tmp_path, gic):
    """The RTC's registers at another address, and its level interrupt, twice and no more."""
    console = start([probe("rtc", device_tree=rtc_tree(tmp_path / "rtc.dtb", phandle=0x1234))],
                    machine=Machine(gic=gic, smp=2))
    match = console.wait_for(rf"probe: rtc at {GUEST_RTC:x} id 00141031 time (\d+)", LIMIT)
    assert abs(int(match[1]) - time.time()) < 60
    console.wait_for(r"probe: rtc interrupt 34 came 2 times$", LIMIT)


def test_xsa_201_aborts_of_the_bus(start, probe, tmp_path):
    """A guest that has a device's place without a device gets the bus' aborts; nobody else does."""
    tree = rtc_tree(tmp_path / "hole.dtb", reg=(0xf000000, 0x1000, GUEST_RTC), host="/flash@0")
    console = start([probe("hole", "d1", device_tree=tree), probe("ms=500", "d2")],
                    machine=Machine(gic=3, smp=2))
    see(console, rf"\(d1\) probe: 1000 aborts, class 25, at {GUEST_RTC:x}$", r"\(d1\) probe: ends",
        r"\(d2\) probe: ends")


def test_device_has_one_owner(start, probe, tmp_path):
    """The second domain that asks for the device, by its registers or by its node, is left out."""
    rtc = rtc_tree(tmp_path / "rtc.dtb")
    other = rtc_tree(tmp_path / "flash.dtb", reg=(0x9010000, 0x1000, GUEST_RTC), host="/flash@0")
    flash = rtc_tree(tmp_path / "node.dtb", reg=(0, 0x1000, GUEST_RTC), host="/flash@0")
    again = rtc_tree(tmp_path / "again.dtb", reg=(0xf000000, 0x1000, GUEST_RTC), host="/flash@0")
    console = start([probe("rtc", "d1", device_tree=rtc), probe("", "d2", device_tree=other),
                     probe("", "d3", device_tree=flash), probe("", "d4", device_tree=again)])
    see(console, r"\(d1\) probe: rtc interrupt 34 came 2 times$", r"\(d3\) probe: ends")
    only_line(console, "d2", "xen,reg", "domain left out")
    only_line(console, "d4", "xen,path", "domain left out")
    assert not any(line.startswith(("(d2)", "(d4)")) for line in console.lines)


# --- mistakes ---

def set_prop(name, value):
    return lambda node: node.set(name, value)


def first_module(change):
    def apply(node):
        change(next(child for name, child in node.children.items() if name.startswith("module@")))
    return apply


def mistakes(tmp_path):
    """What is wrong with domains: in the boot tree, (name, words of its line, a change of its node, what else it is
    made of); and in partial trees, (name, the property, the domain)."""
    truncated = tmp_path / "truncated.dtb"
    whole = rtc_tree(tmp_path / "whole.dtb")
    truncated.write_bytes(open(whole, "rb").read()[:-200])
    ram = rtc_tree(tmp_path / "ram.dtb", reg=(0x60000000, 0x1000, GUEST_RTC), host="/pl031@9010000")
    places = {  # machine and guest address: what is there
        "image": (0x40210000, GUEST_RTC), "module": (0x4c000000, GUEST_RTC), "tree": (0x48000000, GUEST_RTC),
        "gic": (0x8000000, GUEST_RTC), "uart": (0x9000000, GUEST_RTC),
        "guest-ram": (0x9010000, 0x40001000), "guest-gic": (0x9010000, 0x3001000),
        "guest-region": (0x9010000, 0x38000000)}
    part = rtc_tree(tmp_path / "part.dtb", reg=(0x9010800, 0x1000, GUEST_RTC))
    nowhere = rtc_tree(tmp_path / "nowhere.dtb", host="/no/such@1")
    cut = fdt.parse(open(whole, "rb").read())
    cut.children["passthrough"].children[f"rtc@{GUEST_RTC:x}"].set("xen,reg", fdt.cells(1, 2, 3))
    (tmp_path / "cut.dtb").write_bytes(fdt.serialize(cut))
    big = tmp_path / "big.img"
    big.write_bytes(b"\0" * 20 * MIB)
    odd = patched(big, tmp_path / "odd", (56, b"ARM\x64"), (8, (1 << 40).to_bytes(8, "little")),
                  (16, (1 << 20).to_bytes(8, "little")))
    return [
        ("memory-absent", ["memory"], lambda node: node.remove("memory"), {}),
        ("memory-short", ["memory"], set_prop("memory", b"\1\2"), {}),
        ("memory-zero", ["memory"], set_prop("memory", fdt.cells64(0)), {}),
        ("memory-huge", ["memory"], set_prop("memory", fdt.cells64(1 << 62)), {}),
        ("memory-gone", ["memory", "more than the machine has left"], None, {"memory": 4096}),
        ("cpus-zero", ["cpus"], set_prop("cpus", 0), {}),
        ("cpus-many", ["cpus"], set_prop("cpus", 4096), {}),
        ("cpus-wide", ["cpus"], set_prop("cpus", fdt.cells64(1)), {}),
        ("spis-many", ["nr_spis"], set_prop("nr_spis", 961), {}),
        ("enhanced", ["xen,enhanced"], set_prop("xen,enhanced", "perhaps"), {}),
        ("bootargs", ["bootargs"], first_module(set_prop("bootargs", b"unterminated")), {}),
        ("reg-short", ["reg"], first_module(set_prop("reg", fdt.cells(1))), {}),
        ("reg-wraps", ["reg"], first_module(set_prop("reg", fdt.cells64(0xfffffffffffff000, 0x2000))), {}),
        ("reg-nowhere", ["reg"], first_module(set_prop("reg", fdt.cells64(0x9000000, 0x1000))), {}),
        ("kernel-none", ["multiboot,kernel"], lambda node: node.children.clear(), {}),
        ("kernel-large", ["memory", "too little for kernel and ramdisk"], None, {"memory": 16, "kernel": str(big)}),
        ("ramdisk-large", ["memory", "too little for kernel and ramdisk"], None,
         {"memory": 16, "ramdisk": str(big)}),
        ("kernel-odd", ["kernel", "not an Image"], None, {"kernel": odd}),
        ("tree-truncated", ["multiboot,device-tree"], None, {"device_tree": str(truncated)}),
        ("tree-is-none", ["multiboot,device-tree"], None, {"device_tree": str(big)}),
    ], [
        *[(f"at-{name}", "xen,reg",
           {"device_tree": rtc_tree(tmp_path / f"{name}.dtb", reg=(machine, 0x1000, guest))})
          for name, (machine, guest) in places.items()],
        ("reg-large", "xen,reg",
         {"device_tree": rtc_tree(tmp_path / "large.dtb", reg=(0x30000000, 0x20000000, GUEST_RTC))}),
        ("reg-ram", "xen,reg", {"device_tree": ram}),
        ("reg-part", "xen,reg", {"device_tree": part}),
        ("reg-cut", "xen,reg", {"device_tree": str(tmp_path / "cut.dtb")}),
        ("path-nowhere", "xen,path", {"device_tree": nowhere}),
    ]


def test_mistakes(start, probe, tmp_path):
    """Each costs its domain one line that names node and property; those between them start."""
    told, partial = mistakes(tmp_path)
    domains = [probe("stay", "good-first")]
    domains += [probe("", name, **changes) for name, _, _, changes in told]
    domains += [probe("", name, **changes) for name, _, changes in partial]
    domains += [probe("", "good-last")]

    def spoil(root):
        for name, _, change, _ in told:
            if change:
                change(root.children["chosen"].children[name])

    console = start(domains, machine=Machine(gic=2, smp=2, memory=2048), hook=spoil)
    last = len(domains)
    see(console, r"\(d1\) probe: ends", rf"\(d{last}\) probe: ends")
    for name, words, _, _ in told:
        only_line(console, "device tree", f"/chosen/{name}", *words)
    for number, (name, prop, _) in enumerate(partial, start=len(told) + 2):
        only_line(console, f"d{number}", prop)
    speakers = {match[1] for match in (re.match(r"\(d(\d+)\)", line) for line in console.lines) if match}
    assert speakers == {"1", str(last)}, "a domain with a mistake ran"


def test_more_domains_than_there_may_be(start, probe):
    """Those beyond the limit are named; as many as there may be run."""
    extra = 3
    domains = [probe("stay", f"n{n}", memory=10) for n in range(1, 64 + extra)]

    def share(root):  # one copy of the kernel does for all
        chosen = root.children["chosen"]
        for name in [f"n{n}" for n in range(1, 64 + extra)]:
            chosen.children[name] = clone(chosen.children["n1"])

    def clone(node):
        new = fdt.Node()
        new.props = dict(node.props)
        new.children = {name: clone(child) for name, child in node.children.items()}
        return new

    console = start(domains, machine=Machine(gic=3, smp=2, memory=2048), hook=share)
    see(console, *[rf"\(d{n}\) probe: ends" for n in range(1, 64)], limit=60)
    for n in range(64, 64 + extra):
        only_line(console, f"/chosen/n{n}", "more domains")


def test_unlucky_control_domain(start, probe):
    """One that gets no memory is said, and the others run without it."""
    console = start([probe()], control=probe("", name="control", memory=4096))
    see(console, r"\(d1\) probe: ends")
    only_line(console, "/chosen", "dom0_mem", "more than the machine has left")


def test_unknown_properties(start, probe):
    """Each is one line, and has no effect."""
    def add(root):
        chosen = root.children["chosen"]
        chosen.set("xen,unheard-of", 1)
        chosen.set("stdout-path", "serial0").set("linux,whatever", 1)  # not ours to know
        chosen.children["domU1"].set("xen,domain-p2m-mem-mb", 4).set("surprise", True)
        chosen.children["domU1"].child("note").set("text", "not a module")

    console = start([probe()], hook=add)
    see(console, r"\(d1\) probe: ends")
    for node, prop in (("/chosen", "xen,unheard-of"), ("/chosen/domU1", "xen,domain-p2m-mem-mb"),
                       ("/chosen/domU1", "surprise")):
        assert "ignored" in only_line(console, node, prop)
    assert not any("linux,whatever" in line or "stdout-path" in line for line in console.lines)


# --- where it starts ---

def test_no_domain_at_all(start):
    console = start()
    console.wait_for(r"no domain to run", LIMIT, fatal=None)


def test_entered_at_el1(start, probe):
    console = start([probe()], machine=Machine(gic=3, el2=False))
    console.wait_for(r"EL2", LIMIT)
    assert not console.drain(1)
    assert not any("probe" in line for line in console.lines)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_domain_config: trees that dtc compiles, and inputs that name what a tree has.

Usage: seeds_domain_config.py DIRECTORY
"""
import pathlib
import subprocess
import sys

KERNEL = 'k { compatible = "multiboot,kernel", "multiboot,module"; reg = <0 0x100 0 0x10>; bootargs = "x"; };'
CELLS = "#address-cells = <2>; #size-cells = <2>;"
TREES = {
    "control": f"chosen {{ {CELLS} bootargs = \"all\"; {KERNEL} }};",
    "domains": f"""chosen {{ {CELLS} {KERNEL}
        a {{ compatible = "xen,domain"; {CELLS} memory = <0 4096>; cpus = <4>; nr_spis = <32>; vpl011;
            wherry,device-model = "control"; {KERNEL}
            v {{ compatible = "xen,vcpu"; id = <1>; hard-affinity = "0-3,5"; }}; }};
        b@1 {{ compatible = "xen,domain"; {CELLS} memory = <64>; xen,enhanced = "disabled"; phandle = <7>; {KERNEL} }};
        c {{ compatible = "xen,domain"; {CELLS} memory = <64>; wherry,device-model = <7>; {KERNEL} }};
        }};
        aliases {{ u = "/passthrough/u"; }}; gic {{ phandle = <9>; }};
        passthrough {{ xen,skipped; u {{ reg = <1 2>; xen,path = "/u"; }}; }};""",
    "untyped": f"""chosen {{ {CELLS} a {{ compatible = "multiboot,module"; reg = <0 1 0 1>; }};
        b {{ compatible = "xen,multiboot-module"; reg = <0 2 0 1>; }};
        c {{ compatible = "multiboot,module"; reg = <0 3 0 1>; }};
        d {{ compatible = "xen,xsm-policy", "multiboot,module"; reg = <0 4 0 1>; }};
        e {{ compatible = "multiboot,device-tree", "multiboot,module"; reg = <0 4 0 1>; }};
        f {{ compatible = "multiboot,ramdisk", "multiboot,module"; reg = <0 5 0 1>; }}; }};""",
    "many": "chosen { " + CELLS + "".join(
        f'd{i} {{ compatible = "xen,domain"; {CELLS} memory = <4>; {KERNEL} }};' for i in range(34)) + " };",
    "loaded": f"""chosen {{ {CELLS} {KERNEL}
        a {{ compatible = "xen,domain"; memory = <0 4096>; k {{ compatible = "multiboot,kernel"; module-index = <0>; }};
            r {{ compatible = "multiboot,ramdisk"; module-index = <3>; reg = <0 1 0 1>; }}; }};
        b {{ compatible = "xen,domain"; memory = <0 64>; k {{ compatible = "multiboot,kernel"; module-index = <1>; }}; }};
        c {{ compatible = "xen,domain"; memory = <0 64>; k {{ compatible = "multiboot,kernel"; module-index = <2>; }}; }};
        d {{ compatible = "xen,domain"; memory = <0 64>; k {{ compatible = "multiboot,kernel"; module-index = <4>; }}; }};
        }};""",
    "bounds": f"""chosen {{ {CELLS}
        a {{ compatible = "xen,domain"; {CELLS} memory = <0x400000 0>; {KERNEL} }};
        b {{ compatible = "xen,domain"; {CELLS} memory = <0x3fffff 0xffffffff>; cpus = <64>; nr_spis = <960>; {KERNEL}
            v {{ compatible = "xen,vcpu"; id = <64>; hard-affinity = "63"; }};
            w {{ compatible = "xen,vcpu"; id = <63>; hard-affinity = "64"; }}; }};
        c {{ compatible = "xen,domain"; {CELLS} memory = <4>;
            k {{ compatible = "multiboot,kernel"; reg = <0xffffffff 0xfffff000 0 0x1000>; }}; }};
        d {{ compatible = "xen,domain"; {CELLS} memory = <4>; cpus = <65>; {KERNEL} }};
        e {{ compatible = "xen,domain"; {CELLS} memory = <4>; nr_spis = <961>; {KERNEL} }}; }};""",
}
OTHERS = {
    "made": bytes([0, 4, 4, 1, 3, 0x11, 2, 5, 6, 5, 0x0C, 0, 5, 6]),
    "made-model": bytes([0, 0, 5, 0x1C, 0, 5, 6, 4, 1, 8, 0, 15, 5, 6, 6, 0x33, 1, 1, 0x11, 3, 6]),
    "made-short": bytes([8, 0, 0, 1, 5, 0x0C, 0, 5, 6]),
}


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in TREES.items():
        blob = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb"], input=f"/dts-v1/; / {{ {source} }};".encode(),
                              check=True, stdout=subprocess.PIPE).stdout
        for kind in (1, 17):  # without and with modules of a loader
            (directory / f"{name}-{kind}").write_bytes(bytes([kind, 0]) + blob)
    for name, data in OTHERS.items():
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the suite of suite.h and reports. On a machine without a hypervisor it runs what needs none:
 * that shows what real hardware (or its emulator) does.
 */
#include "suite.h"

int main(void)
{
    print("# vm-suite: %u vCPUs", nr_cpus);
    if (under_hypervisor) {
        if (!tap_eq(events_init(), 0, "shared_info is mapped"))
            return 1;
        test_traps();
        test_features();
        test_hypercalls();
        test_memory();
        test_events();
    }
    test_interrupts();
    test_timer();
    test_context();
    test_smp();
    if (under_hypervisor) {
        test_fuzz();
        test_security(); /* the tables for sparse memory are used up afterwards */
        arch_test_last();
    }
    return (int)tap_done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the machine: what the hypervisor does when the control domain is done, or it is. */
#ifndef WHERRY_MACHINE_H
#define WHERRY_MACHINE_H

#include <wherry/compiler.h>

/* Stop every CPU for good; the power stays on. Any context. */
void __noreturn machine_halt(void);
/* Restart through the firmware; with `noreboot` on the command line, or no way to do it, halt. */
void __noreturn machine_restart(void);
/* Power off through the firmware; halt when there is no way to do it. */
void __noreturn machine_poweroff(void);

#endif

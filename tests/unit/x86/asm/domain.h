/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and vCPUs of x86 over the host of the fake architecture, whose own come before it. */
#include "../../../../arch/x86/include/asm/domain.h"

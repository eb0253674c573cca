/* SPDX-License-Identifier: Apache-2.0 */
/* No devices are passed through on x86-64 yet. */
#include "probe.h"

void probe_devices(void)
{
}

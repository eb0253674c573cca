/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe has besides on one architecture. */
#ifndef PROBE_H
#define PROBE_H

#include "payload.h"

void probe_devices(void); /* does the words about passed-through devices */

#endif

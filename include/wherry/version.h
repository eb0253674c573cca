/* SPDX-License-Identifier: Apache-2.0 */
/* The project's own version, and the ABI's that it speaks. */
#ifndef WHERRY_VERSION_H
#define WHERRY_VERSION_H

#define WHERRY_VERSION "0.1"

#define WHERRY_ABI_MAJOR 4
#define WHERRY_ABI_MINOR 17

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the unit tests, in place of the generated one: all checks on. */
#ifndef WHERRY_TESTS_CONFIG_H
#define WHERRY_TESTS_CONFIG_H

#define CONFIG_DEBUG             1
#define CONFIG_NR_CPUS           8
#define CONFIG_MAX_DOMAINS       32
#define CONFIG_MAX_VCPUS         64
#define CONFIG_IOREQ_SERVER      1
#define CONFIG_IOREQ_MAX_SERVERS 8
#define CONFIG_IOREQ_MAX_RANGES  256
#define CONFIG_IOREQ_MAX_KIB     4096

#endif

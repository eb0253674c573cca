/* SPDX-License-Identifier: Apache-2.0 */
/* Error numbers of the ABI. Functions and hypercalls return them negative. */
#ifndef WHERRY_LIB_ERRNO_H
#define WHERRY_LIB_ERRNO_H

/* Host builds (unit tests) have the same numbers from their C library. */
#ifndef EPERM
#define EPERM      1
#define ENOENT     2
#define ESRCH      3
#define EIO        5
#define ENXIO      6
#define E2BIG      7
#define ENOEXEC    8
#define EAGAIN     11
#define ENOMEM     12
#define EACCES     13
#define EFAULT     14
#define EBUSY      16
#define EEXIST     17
#define EXDEV      18
#define ENODEV     19
#define EINVAL     22
#define ENOSPC     28
#define ERANGE     34
#define ENOSYS     38
#define ENODATA    61
#define EOVERFLOW  75
#define EOPNOTSUPP 95
#define ETIME      62
#define ETIMEDOUT  110
#endif

/* Internal: execute the hypercall again. Never reaches a guest. */
#ifndef ERESTART
#define ERESTART 85
#endif

#endif

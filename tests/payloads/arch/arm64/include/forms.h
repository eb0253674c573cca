/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every form of load and store that the suites try on a forwarded address: FORM(number,
 * instruction, load, bytes, extension, pair, offset, base step, index). x9 is the base, x10 and x11
 * the data, x12 the index. The guest makes a function of each, the device model a case.
 */
#ifndef PAYLOAD_FORMS_H
#define PAYLOAD_FORMS_H

#include <stdint.h>

enum form_ext {
    ZERO,   /* the rest of the register is 0 */
    SIGN64, /* the sign fills all 64 bits */
    SIGN32, /* the sign fills the lower 32 bits, the rest is 0 */
    NO_REG, /* to or from xzr */
    ABORTS, /* not forwarded: the guest gets an abort */
};

#define FORMS                                                         \
    /* with a valid syndrome */                                       \
    FORM(0, "ldrb w10, [x9]", 1, 1, ZERO, 0, 0, 0, 0)                 \
    FORM(1, "ldrh w10, [x9]", 1, 2, ZERO, 0, 0, 0, 0)                 \
    FORM(2, "ldr w10, [x9]", 1, 4, ZERO, 0, 0, 0, 0)                  \
    FORM(3, "ldr x10, [x9]", 1, 8, ZERO, 0, 0, 0, 0)                  \
    FORM(4, "ldrsb w10, [x9]", 1, 1, SIGN32, 0, 0, 0, 0)              \
    FORM(5, "ldrsb x10, [x9]", 1, 1, SIGN64, 0, 0, 0, 0)              \
    FORM(6, "ldrsh w10, [x9]", 1, 2, SIGN32, 0, 0, 0, 0)              \
    FORM(7, "ldrsh x10, [x9]", 1, 2, SIGN64, 0, 0, 0, 0)              \
    FORM(8, "ldrsw x10, [x9]", 1, 4, SIGN64, 0, 0, 0, 0)              \
    FORM(9, "strb w10, [x9]", 0, 1, ZERO, 0, 0, 0, 0)                 \
    FORM(10, "strh w10, [x9]", 0, 2, ZERO, 0, 0, 0, 0)                \
    FORM(11, "str w10, [x9]", 0, 4, ZERO, 0, 0, 0, 0)                 \
    FORM(12, "str x10, [x9]", 0, 8, ZERO, 0, 0, 0, 0)                 \
    FORM(13, "ldrb wzr, [x9]", 1, 1, NO_REG, 0, 0, 0, 0)              \
    FORM(14, "ldr wzr, [x9]", 1, 4, NO_REG, 0, 0, 0, 0)               \
    FORM(15, "ldr xzr, [x9]", 1, 8, NO_REG, 0, 0, 0, 0)               \
    FORM(16, "strb wzr, [x9]", 0, 1, NO_REG, 0, 0, 0, 0)              \
    FORM(17, "str wzr, [x9]", 0, 4, NO_REG, 0, 0, 0, 0)               \
    FORM(18, "str xzr, [x9]", 0, 8, NO_REG, 0, 0, 0, 0)               \
    FORM(19, "ldr w10, [x9, #16]", 1, 4, ZERO, 0, 16, 0, 0)           \
    FORM(20, "str x10, [x9, #24]", 0, 8, ZERO, 0, 24, 0, 0)           \
    FORM(21, "ldur w10, [x9, #-4]", 1, 4, ZERO, 0, -4, 0, 0)          \
    FORM(22, "ldur x10, [x9, #-8]", 1, 8, ZERO, 0, -8, 0, 0)          \
    FORM(23, "ldursb x10, [x9, #-1]", 1, 1, SIGN64, 0, -1, 0, 0)      \
    FORM(24, "stur w10, [x9, #-4]", 0, 4, ZERO, 0, -4, 0, 0)          \
    FORM(25, "sturb w10, [x9, #-3]", 0, 1, ZERO, 0, -3, 0, 0)         \
    FORM(26, "ldr w10, [x9, x12]", 1, 4, ZERO, 0, 32, 0, 32)          \
    FORM(27, "ldr x10, [x9, x12, lsl #3]", 1, 8, ZERO, 0, 32, 0, 4)   \
    FORM(28, "ldr w10, [x9, w12, sxtw]", 1, 4, ZERO, 0, -8, 0, -8)    \
    FORM(29, "ldrh w10, [x9, w12, uxtw #1]", 1, 2, ZERO, 0, 8, 0, 4)  \
    FORM(30, "str w10, [x9, w12, sxtw #2]", 0, 4, ZERO, 0, -8, 0, -2) \
    FORM(31, "strb w10, [x9, x12]", 0, 1, ZERO, 0, 5, 0, 5)           \
    FORM(32, "ldar w10, [x9]", 1, 4, ZERO, 0, 0, 0, 0)                \
    FORM(33, "ldarb w10, [x9]", 1, 1, ZERO, 0, 0, 0, 0)               \
    FORM(34, "stlr x10, [x9]", 0, 8, ZERO, 0, 0, 0, 0)                \
    FORM(35, "ldtr w10, [x9]", 1, 4, ZERO, 0, 0, 0, 0)                \
    FORM(36, "sttrb w10, [x9]", 0, 1, ZERO, 0, 0, 0, 0)               \
    /* without: the hypervisor decodes the instruction */             \
    FORM(37, "ldrb w10, [x9], #1", 1, 1, ZERO, 0, 0, 1, 0)            \
    FORM(38, "ldrh w10, [x9], #-2", 1, 2, ZERO, 0, 0, -2, 0)          \
    FORM(39, "ldr w10, [x9], #4", 1, 4, ZERO, 0, 0, 4, 0)             \
    FORM(40, "ldr x10, [x9], #255", 1, 8, ZERO, 0, 0, 255, 0)         \
    FORM(41, "ldr x10, [x9], #-256", 1, 8, ZERO, 0, 0, -256, 0)       \
    FORM(42, "ldrsb w10, [x9], #1", 1, 1, SIGN32, 0, 0, 1, 0)         \
    FORM(43, "ldrsb x10, [x9], #1", 1, 1, SIGN64, 0, 0, 1, 0)         \
    FORM(44, "ldrsh w10, [x9], #2", 1, 2, SIGN32, 0, 0, 2, 0)         \
    FORM(45, "ldrsh x10, [x9], #2", 1, 2, SIGN64, 0, 0, 2, 0)         \
    FORM(46, "ldrsw x10, [x9], #4", 1, 4, SIGN64, 0, 0, 4, 0)         \
    FORM(47, "strb w10, [x9], #1", 0, 1, ZERO, 0, 0, 1, 0)            \
    FORM(48, "strh w10, [x9], #2", 0, 2, ZERO, 0, 0, 2, 0)            \
    FORM(49, "str w10, [x9], #-4", 0, 4, ZERO, 0, 0, -4, 0)           \
    FORM(50, "str x10, [x9], #8", 0, 8, ZERO, 0, 0, 8, 0)             \
    FORM(51, "ldr wzr, [x9], #4", 1, 4, NO_REG, 0, 0, 4, 0)           \
    FORM(52, "str xzr, [x9], #8", 0, 8, NO_REG, 0, 0, 8, 0)           \
    FORM(53, "ldrb w10, [x9, #1]!", 1, 1, ZERO, 0, 1, 1, 0)           \
    FORM(54, "ldrh w10, [x9, #2]!", 1, 2, ZERO, 0, 2, 2, 0)           \
    FORM(55, "ldr w10, [x9, #-4]!", 1, 4, ZERO, 0, -4, -4, 0)         \
    FORM(56, "ldr x10, [x9, #8]!", 1, 8, ZERO, 0, 8, 8, 0)            \
    FORM(57, "ldrsw x10, [x9, #4]!", 1, 4, SIGN64, 0, 4, 4, 0)        \
    FORM(58, "ldrsb w10, [x9, #3]!", 1, 1, SIGN32, 0, 3, 3, 0)        \
    FORM(59, "strb w10, [x9, #1]!", 0, 1, ZERO, 0, 1, 1, 0)           \
    FORM(60, "str w10, [x9, #-4]!", 0, 4, ZERO, 0, -4, -4, 0)         \
    FORM(61, "str x10, [x9, #16]!", 0, 8, ZERO, 0, 16, 16, 0)         \
    FORM(62, "ldp w10, w11, [x9]", 1, 4, ZERO, 1, 0, 0, 0)            \
    FORM(63, "ldp x10, x11, [x9]", 1, 8, ZERO, 1, 0, 0, 0)            \
    FORM(64, "ldpsw x10, x11, [x9]", 1, 4, SIGN64, 1, 0, 0, 0)        \
    FORM(65, "ldp x10, x11, [x9, #-16]", 1, 8, ZERO, 1, -16, 0, 0)    \
    FORM(66, "ldp w10, w11, [x9], #8", 1, 4, ZERO, 1, 0, 8, 0)        \
    FORM(67, "ldp x10, x11, [x9], #-16", 1, 8, ZERO, 1, 0, -16, 0)    \
    FORM(68, "ldp x10, x11, [x9, #32]!", 1, 8, ZERO, 1, 32, 32, 0)    \
    FORM(69, "ldnp w10, w11, [x9, #8]", 1, 4, ZERO, 1, 8, 0, 0)       \
    FORM(70, "stp w10, w11, [x9]", 0, 4, ZERO, 1, 0, 0, 0)            \
    FORM(71, "stp x10, x11, [x9]", 0, 8, ZERO, 1, 0, 0, 0)            \
    FORM(72, "stp x10, x11, [x9], #16", 0, 8, ZERO, 1, 0, 16, 0)      \
    FORM(73, "stp w10, w11, [x9, #-8]!", 0, 4, ZERO, 1, -8, -8, 0)    \
    FORM(74, "stp xzr, xzr, [x9, #16]", 0, 8, NO_REG, 1, 16, 0, 0)    \
    /* neither: an abort for the guest */                             \
    FORM(75, "ldxr w10, [x9]", 1, 4, ABORTS, 0, 0, 0, 0)              \
    FORM(76, "ldaxr x10, [x9]", 1, 8, ABORTS, 0, 0, 0, 0)             \
    FORM(77, "ldxp x10, x11, [x9]", 1, 8, ABORTS, 0, 0, 0, 0)         \
    FORM(78, "ldr d0, [x9]", 1, 8, ABORTS, 0, 0, 0, 0)                \
    FORM(79, "ldr q0, [x9]", 1, 16, ABORTS, 0, 0, 0, 0)               \
    FORM(80, "str q0, [x9]", 0, 16, ABORTS, 0, 0, 0, 0)               \
    FORM(81, "ldp d0, d1, [x9]", 1, 16, ABORTS, 0, 0, 0, 0)           \
    FORM(82, "st1 {v0.4s}, [x9]", 0, 16, ABORTS, 0, 0, 0, 0)          \
    FORM(83, "ldr q0, [x9], #16", 1, 16, ABORTS, 0, 0, 0, 0)

struct form {
    const char *text;
    uint8_t load, size, ext, pair;
    int16_t offset, step;
    int32_t index;
};

/* x9 to x12, in and out. */
struct form_regs {
    uint64_t base, data, data2, index;
};

#endif

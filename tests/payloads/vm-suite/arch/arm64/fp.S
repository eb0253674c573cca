/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point registers filled with a pattern, and compared with it, for context.c. */
    .arch_extension fp
    .arch_extension simd
    .text

    /* void fp_fill(uint64_t seed): Qn = {seed + n, ~(seed + n)}, rounding mode and flags too. */
    .global fp_fill
    .hidden fp_fill
fp_fill:
    .set    n, 0
    .irp    reg, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x0, #\reg
    mvn     x2, x1
    mov     v\reg\().d[0], x1
    mov     v\reg\().d[1], x2
    .endr
    and     x1, x0, #3
    lsl     x1, x1, #22
    msr     fpcr, x1
    and     x1, x0, #0x1f
    msr     fpsr, x1
    ret

    /* unsigned int fp_differs(uint64_t seed): how many of them are not so. */
    .global fp_differs
    .hidden fp_differs
fp_differs:
    mov     w3, wzr
    .irp    reg, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x0, #\reg
    mov     x4, v\reg\().d[0]
    mov     x5, v\reg\().d[1]
    mvn     x2, x1
    cmp     x4, x1
    cinc    w3, w3, ne
    cmp     x5, x2
    cinc    w3, w3, ne
    .endr
    and     x1, x0, #3
    lsl     x1, x1, #22
    mrs     x4, fpcr
    cmp     x4, x1
    cinc    w3, w3, ne
    and     x1, x0, #0x1f
    mrs     x4, fpsr
    cmp     x4, x1
    cinc    w3, w3, ne
    mov     w0, w3
    ret
